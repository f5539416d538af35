// The parts of the simulated board, and what they ask of each other.
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// bus.c: the I2C socket. A transfer's result is 0, or the socket's status, or -1 when no chip answers.
void bus_init(const char *name);
int bus_write(uint32_t freq, uint8_t address, const uint8_t *data, size_t len);
int bus_read(uint32_t freq, uint8_t address, uint8_t *data, size_t len);
// Lets microseconds pass; false when there is no chip, or when Ctrl-C came. `now` is the chip's clock.
bool bus_pass(uint32_t us, uint64_t *now);

// clock.c: the time since the chip was started, and the real-time clock, in microseconds.
uint64_t clock_now(void);
void clock_sleep(uint64_t us);
void clock_forget(void);         // something has happened: what the chip said of the time is old
int64_t rtc_get(void);           // since 1970
void rtc_set(int64_t unix_us);
int64_t rtc_keep(void);          // what rtc_restore() needs after a reset
void rtc_restore(int64_t kept);

// console.c: the serial port. Both descriptors survive a reset.
typedef struct {
    int serial;                  // the host's end; -1 after power-up
    int input;                   // where characters wait for being read
} console_t;
void console_init(console_t console);
console_t console_stop(void);    // for a reset

// idfheap.c: the memory of TLS and of the threads' stacks; sizes in bytes, or with a k or an m in the text.
void idfheap_init(const char *size);
void *idfheap_stack(size_t size);    // NULL when there is no piece so large
void idfheap_stack_free(void *piece, size_t size);
void *idfheap_area(size_t size);     // for MicroPython's heap, when it grows
void idfheap_area_free(void *piece);
void idfheap_free_of_charge(bool on);    // what this thread has Mbed TLS allocate for its buffers is not of that memory

// threads.c: the most of its stack, in bytes, that any thread has ever used, TLS included.
size_t threads_deepest(void);

// flash.c
bool flash_init(const char *path);

// board.c
typedef enum { RESET_POWER_ON = 1, RESET_HARD = 2, RESET_SOFT = 5 } reset_cause_t;
void board_reset(reset_cause_t cause) __attribute__((noreturn));
reset_cause_t board_reset_cause(void);
const uint8_t *board_id(void);   // six bytes
const char *board_air(void);     // the file that says what Wi-Fi there is, or NULL
bool board_pull_ups(void);       // whether the I2C lines have their resistors
bool board_heap_grows(void);     // whether MicroPython's heap may take of the memory beside it

// pin.c
struct _mp_print_t;
int pin_number(void *pin);

#endif
