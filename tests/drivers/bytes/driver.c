#include "driver.h"
#include <stdlib.h>
#include <string.h>

static char line[128];
static size_t len;
static int *seen; /* of each mode */

void driver_init(void)
{
    len = 0;
    seen = calloc(4, sizeof *seen);
}

static void take(void)
{
    line[len] = 0;
    if (strncmp(line, "+CWMODE:", 8) == 0)
        seen[(unsigned char)line[8] % 16]++;
}

void driver_receive(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (data[at] == '\n' || data[at] == '\r') {
            take();
            len = 0;
        } else if (len + 1 < sizeof line) {
            line[len++] = (char)data[at];
        }
    }
}

void driver_poll(void) {}
void driver_free(void) { free(seen); }
