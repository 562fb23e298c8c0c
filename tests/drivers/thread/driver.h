/* A driver with a thread and an OS layer. One mistake is planted: a mode is an index that nobody looks at. */
#include <stddef.h>
#include <stdint.h>
struct os_sem;
struct os_sem *os_sem_create(unsigned count);
void os_sem_delete(struct os_sem *sem);
void os_sem_give(struct os_sem *sem);
int os_sem_take(struct os_sem *sem, uint32_t timeout);
int uart_write(const void *bytes, size_t size);
void driver_init(void);
void driver_input(const uint8_t *data, size_t size);
void driver_use(void);
void driver_free(void);
