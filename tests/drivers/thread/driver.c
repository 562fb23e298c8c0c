#include "driver.h"
#include <stdlib.h>
#include <string.h>

static char line[128];
static size_t len;
static int *seen, mode;
static struct os_sem *done;

void driver_init(void)
{
    len = 0;
    mode = -1;
    seen = calloc(4, sizeof *seen);
    done = os_sem_create(0);
}

void driver_input(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (data[at] != '\n' && data[at] != '\r') {
            if (len + 1 < sizeof line)
                line[len++] = (char)data[at];
            continue;
        }
        line[len] = 0;
        len = 0;
        if (strncmp(line, "+CWMODE:", 8) == 0)
            mode = atoi(line + 8) & 0xFF;
        if (strcmp(line, "OK") == 0 || strcmp(line, "ERROR") == 0)
            os_sem_give(done);
    }
}

void driver_use(void)
{
    uart_write("AT+CWMODE?\r\n", 12);
    if (os_sem_take(done, 1000) == 0 && mode >= 0)
        seen[mode]++;
}

void driver_free(void)
{
    os_sem_delete(done);
    free(seen);
}
