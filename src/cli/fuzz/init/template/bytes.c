/* A driver whose parser is a function that takes bytes: the UART's interrupt or a read loop calls it.
 *
 * Put your own header and calls in at the three places marked HERE. What the module sends is `data`; nothing else is needed. */
#include <stddef.h>
#include <stdint.h>

#include "driver.h" /* HERE: your driver's header */

#ifdef __cplusplus
extern "C"
#endif
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    driver_init(); /* HERE: the same state each time, or what one input leaves behind breaks the next */
    while (size > 0) {
        size_t piece = size < 64 ? size : 64; /* in pieces, as from a UART */
        driver_receive(data, piece);          /* HERE: what the interrupt calls */
        driver_poll();                        /* HERE: what the main loop calls, if there is one */
        data += piece;
        size -= piece;
    }
    driver_free(); /* HERE: memory that is left is a leak */
    return 0;
}
