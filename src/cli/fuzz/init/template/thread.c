/* A driver with a thread of its own and an OS layer (semaphores, mutexes, delays): all of it in one thread, by a virtual clock.
 *
 * The layer's functions are what your driver calls them: rename those below (HERE), or map them with #define. The trick: whoever waits for a
 * semaphore runs the receiving side until it is given, or until the input is at its end and the time is up. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "driver.h" /* HERE: your driver's header */

static const uint8_t *input;
static size_t left;
static uint32_t now; /* milliseconds */

/* HERE: what your driver's thread does with what came, without its loop: `driver_input` parses some bytes. */
static int receive_some(void)
{
    size_t piece = left < 64 ? left : 64;
    if (piece == 0)
        return 0;
    driver_input(input, piece);
    input += piece;
    left -= piece;
    return 1;
}

/* ---- the OS layer ---- */

struct os_sem {
    unsigned count;
};

struct os_sem *os_sem_create(unsigned count)
{
    struct os_sem *sem = malloc(sizeof *sem);
    if (sem)
        sem->count = count;
    return sem;
}

void os_sem_delete(struct os_sem *sem) { free(sem); }

void os_sem_give(struct os_sem *sem) { sem->count++; }

/* 0: taken; -1: the time was up. */
int os_sem_take(struct os_sem *sem, uint32_t timeout)
{
    while (sem->count == 0) {
        if (!receive_some()) {
            now += timeout;
            return -1;
        }
        now += 1;
    }
    sem->count--;
    return 0;
}

void os_lock(void) {}
void os_unlock(void) {}
uint32_t os_now(void) { return now; }
void os_delay(uint32_t ms)
{
    now += ms;
    receive_some();
}

/* The receiving thread is run by whoever waits. */
void os_thread_start(void (*body)(void *), void *argument)
{
    (void)body;
    (void)argument;
}

/* HERE: what your driver writes to the UART goes nowhere. */
int uart_write(const void *bytes, size_t size)
{
    (void)bytes;
    return (int)size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
    now = 0;
    driver_init(); /* HERE: what a program does with your driver, as long as there is input */
    while (left > 0 && now < 600000) {
        driver_use();
        now += 1;
        receive_some();
    }
    driver_free();
    return 0;
}
