// What makes the unix port a board: settings as on ESP32, on top of the port's own.

#include <stdint.h>

#include "mpconfigport.h"

// What the banner and os.uname() say.
#define MICROPY_HW_BOARD_NAME "SIM"
#define MICROPY_HW_MCU_NAME "linux"
#define MICROPY_PY_OS_UNAME (1)

#define BOARD_I2C_COUNT (2)
#define BOARD_FLASH_BLOCK_SIZE (4096)
#define BOARD_FLASH_BLOCKS (512)

// An object is twice as large here as on a microcontroller, unless this is the 32-bit build (budget.mk).
#define BOARD_OBJECTS_ARE_LARGER (sizeof(void *) / 4)

// The task's stack. The heap's size is the runner's to say (boards/SIM/simboard).
#define BOARD_STACK_SIZE (16 * 1024 * BOARD_OBJECTS_ARE_LARGER)

// It grows into the memory beside it, where the runner says so.
#define MICROPY_GC_SPLIT_HEAP (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO (1)
void *idfheap_area(size_t size);
void idfheap_area_free(void *piece);
#define MP_PLAT_ALLOC_HEAP(size) idfheap_area(size)
#define MP_PLAT_FREE_HEAP(piece) idfheap_area_free(piece)

// Each import in progress has a path on the stack: not one of Linux's 4096 bytes.
#undef MICROPY_ALLOC_PATH_MAX
#define MICROPY_ALLOC_PATH_MAX (128)

// Threads, one at a time. With a GIL an exception can't be raised from a signal handler.
#define MICROPY_PY_THREAD (1)
#define MICROPY_PY_THREAD_GIL (1)
#define MICROPY_PY_THREAD_RECURSIVE_MUTEX (1)
#undef MICROPY_ASYNC_KBD_INTR
#define MICROPY_ASYNC_KBD_INTR (0)

// Time: the epoch is 2000, ticks wrap around at 2**30, and all of it comes from clock.c.
#undef MICROPY_EPOCH_IS_1970
#define MICROPY_EPOCH_IS_1970 (0)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_PY_TIME_TICKS_PERIOD (1 << 30)
#undef MICROPY_PY_TIME_CUSTOM_SLEEP
#undef MICROPY_PY_TIME_INCLUDEFILE
#define MICROPY_PY_TIME_INCLUDEFILE "modtime.inc"
#define mp_hal_ticks_ms mp_hal_ticks_ms
#define mp_hal_ticks_us mp_hal_ticks_us
#define mp_hal_time_ns mp_hal_time_ns
#define mp_hal_delay_ms mp_hal_delay_ms
mp_uint_t mp_hal_ticks_ms(void);
mp_uint_t mp_hal_ticks_us(void);
uint64_t mp_hal_time_ns(void);
void mp_hal_delay_ms(mp_uint_t ms);

// The machine module.
#undef MICROPY_PY_MACHINE_INCLUDEFILE
#define MICROPY_PY_MACHINE_INCLUDEFILE "modmachine.inc"
#define MICROPY_PY_MACHINE_RESET (1)
#define MICROPY_PY_MACHINE_BARE_METAL_FUNCS (1)
#define MICROPY_PY_MACHINE_FREQ_NUM_ARGS_MAX (1)
#define MICROPY_PY_MACHINE_I2C (1)
#define MICROPY_PY_MACHINE_I2C_TRANSFER_WRITE1 (1)
#define MICROPY_PY_MACHINE_MEMX (0)
#undef MICROPY_PY_MACHINE_PULSE
#define MICROPY_PY_MACHINE_PULSE (0)

// A board has one filesystem, in its flash, no host around it, and one console.
#undef MICROPY_VFS_POSIX
#define MICROPY_VFS_POSIX (0)
#undef MICROPY_VFS_ROM
#define MICROPY_VFS_ROM (0)
#undef MICROPY_PY_SYS_PATH_DEFAULT
#define MICROPY_PY_SYS_PATH_DEFAULT ".frozen:/lib"
#undef MICROPY_PY_OS_INCLUDEFILE
#define MICROPY_PY_OS_INCLUDEFILE "modos.inc"
#define MICROPY_PY_OS_DUPTERM (1)
#define MICROPY_PY_OS_DUPTERM_NOTIFY (1)
#undef MICROPY_PY_OS_SYSTEM
#define MICROPY_PY_OS_SYSTEM (0)
#undef MICROPY_ERROR_PRINTER
#define MICROPY_ERROR_PRINTER (&mp_plat_print)
