/* A driver whose parser takes bytes. One mistake is planted: a mode is an index that nobody looks at. */
#include <stddef.h>
#include <stdint.h>
void driver_init(void);
void driver_receive(const uint8_t *data, size_t size);
void driver_poll(void);
void driver_free(void);
