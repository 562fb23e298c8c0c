/* The harness: a function that takes bytes, for libFuzzer, AFL++ (afl-clang-fast -fsanitize=fuzzer) and, with -DALONE, for
 * files given as arguments. The input is what the module sends; it comes in pieces, as it does from a UART. */
#include "wifi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned sum;

void wifi_write(const char *text, const void *data, size_t len)
{
    /* A real one gives it to the UART: every byte is read. */
    const unsigned char *bytes = data;
    while (text && *text)
        sum += (unsigned char)*text++;
    for (size_t i = 0; i < len; i++)
        sum += bytes[i];
}

#ifdef COUNT_BUGS
/* Tells each mistake once, by its number in a file: see compare.py. */
void bug(int number)
{
    static unsigned told;
    const char *name = getenv("BUG_FILE");
    FILE *file;
    if (told >> number & 1)
        return;
    told |= 1u << number;
    if (name != NULL && (file = fopen(name, "a")) != NULL) {
        fprintf(file, "%d\n", number);
        fclose(file);
    }
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wifi w;
    wifi_init(&w);
    while (size > 0) {
        size_t piece = size < 64 ? size : 64;
        piece = wifi_isr(&w, data, piece);
        data += piece;
        size -= piece;
        wifi_poll(&w);
    }
    wifi_free(&w);
    return 0;
}

#ifdef ALONE
int main(int argc, char **argv)
{
    static uint8_t data[1 << 20];
    for (int i = 1; i < argc; i++) {
        FILE *file = strcmp(argv[i], "-") == 0 ? stdin : fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof data, file));
        if (file != stdin)
            fclose(file);
    }
    return 0;
}
#endif
