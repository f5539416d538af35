// Power-up and reset. The unix port's main() starts the interpreter as `micropython -m _board`; importing this
// module is where a process becomes a board, and never returns.
//
// The runner (boards/SIM/simboard) says in the environment what a board finds soldered: BOARD_BUS, BOARD_FLASH,
// BOARD_AIR, BOARD_ID, BOARD_IDFHEAP (its size), BOARD_LINES ("loose": the I2C lines have no pull-up resistors), and BOARD_BARE
// if it is to have nothing of the project's firmware. A reset executes the program anew; what outlives it travels in BOARD_KEPT.

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "py/builtin.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/lexer.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"
#include "board.h"

#define KEPT "BOARD_KEPT"
#define KEPT_FORMAT "%u %u %d %d %d %d"     // MicroPython's snprintf knows no 64-bit numbers where a pointer has 32

static reset_cause_t cause = RESET_POWER_ON;
static uint8_t id[6];
static struct { char *bus, *flash, *air, *id, *idfheap, *lines, *bare, *grows; } solder;

reset_cause_t board_reset_cause(void) {
    return cause;
}

const uint8_t *board_id(void) {
    return id;
}

bool board_heap_grows(void) {
    return solder.grows != NULL;
}

const char *board_air(void) {
    return solder.air;
}

bool board_pull_ups(void) {
    return solder.lines == NULL || strcmp(solder.lines, "loose") != 0;
}

static char *take(const char *name) {
    const char *value = getenv(name);
    char *copy = value == NULL ? NULL : strdup(value);
    unsetenv(name);
    return copy;
}

static void give(const char *name, const char *value) {
    if (value != NULL) {
        setenv(name, value, 1);
    }
}

// A reset cuts every connection; the console stays.
static void close_later(console_t console) {
    for (int fd = STDERR_FILENO + 1; fd < sysconf(_SC_OPEN_MAX) && fd < 1024; ++fd) {
        if (fd != console.serial && fd != console.input) {
            fcntl(fd, F_SETFD, FD_CLOEXEC);
        }
    }
}

void board_reset(reset_cause_t why) {
    console_t console = console_stop();
    uint64_t rtc = rtc_keep();
    char kept[100];
    snprintf(kept, sizeof(kept), KEPT_FORMAT, (unsigned)(rtc >> 32), (unsigned)rtc, (int)why,
        why == RESET_SOFT ? (int)pyexec_mode_kind : PYEXEC_MODE_FRIENDLY_REPL, console.serial, console.input);
    give("BOARD_BUS", solder.bus);
    give("BOARD_FLASH", solder.flash);
    give("BOARD_AIR", solder.air);
    give("BOARD_ID", solder.id);
    give("BOARD_IDFHEAP", solder.idfheap);
    give("BOARD_LINES", solder.lines);
    give("BOARD_BARE", solder.bare);
    give("BOARD_GROWS", solder.grows);
    give(KEPT, kept);
    char heap[40];
    extern long heap_size;
    snprintf(heap, sizeof(heap), "heapsize=%ld", heap_size);
    close_later(console);
    execl("/proc/self/exe", "micropython", "-X", heap, "-m", "_board", (char *)NULL);
    _exit(1);
}

static void power_up(void) {
    solder.bus = take("BOARD_BUS");
    solder.flash = take("BOARD_FLASH");
    solder.air = take("BOARD_AIR");
    solder.id = take("BOARD_ID");
    solder.idfheap = take("BOARD_IDFHEAP");
    solder.lines = take("BOARD_LINES");
    solder.bare = take("BOARD_BARE");
    solder.grows = take("BOARD_GROWS");
    if (solder.id != NULL) {
        sscanf(solder.id, "%2hhx%2hhx%2hhx%2hhx%2hhx%2hhx", &id[0], &id[1], &id[2], &id[3], &id[4], &id[5]);
    }
    idfheap_init(solder.idfheap == NULL ? "" : solder.idfheap);
    bus_init(solder.bus);
    console_t console = {.serial = -1};
    char *kept = take(KEPT);
    if (kept != NULL) {
        unsigned high = 0, low = 0;
        int why = RESET_POWER_ON, mode = PYEXEC_MODE_FRIENDLY_REPL;
        sscanf(kept, KEPT_FORMAT, &high, &low, &why, &mode, &console.serial, &console.input);
        rtc_restore((uint64_t)high << 32 | low);
        cause = why;
        pyexec_mode_kind = mode;
    }
    rtc_get();
    console_init(console);
    if (solder.flash == NULL || !flash_init(solder.flash)) {
        mp_hal_stdout_tx_str("no flash\r\n");
        exit(1);
    }
}

// A frozen file hides one in the flash, but not on a board that is to have none.
static int run_file(const char *name) {
    if (solder.bare == NULL) {
        return pyexec_file_if_exists(name);
    }
    return mp_import_stat(name) == MP_IMPORT_STAT_FILE ? pyexec_file(name) : 1;
}

// As the boards' ports do it: boot.py, main.py (not on the way to the raw REPL), and the REPL until a soft reset.
static void run(void) {
    readline_init0();
    pyexec_frozen_module("_boot.py", false);
    if (solder.bare != NULL) {
        pyexec_frozen_module("_bare.py", false);
    }
    int ret = run_file("boot.py");
    if (!(ret & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL && ret != 0) {
        ret = run_file("main.py");
    }
    while (!(ret & PYEXEC_FORCED_EXIT)) {
        ret = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
    }
}

// As main.c of the ESP32's port: everything on the heap is freed, and a line printed then, which a duplicate terminal hears
// too. What takes memory for that overwrites what is still in use; here it is found out, however lucky it was.
static void sweep(void) {
    gc_sweep_all();              // closes files; the GIL isn't given up any more
    size_t taken = MP_STATE_MEM(gc_alloc_amount);
    mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
    if (MP_STATE_MEM(gc_alloc_amount) != taken) {
        fprintf(stderr, "board: os.dupterm's terminal has taken memory of a heap that was swept\r\n");
        abort();
    }
}

static mp_obj_t board_init(void) {
    mp_cstack_init_with_sp_here(BOARD_STACK_SIZE);
    mp_globals_set(&MP_STATE_VM(dict_main));
    mp_locals_set(&MP_STATE_VM(dict_main));
    mp_obj_list_init(MP_OBJ_TO_PTR(mp_sys_argv), 0);
    power_up();
    run();
    sweep();
    board_reset(RESET_SOFT);
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_init_obj, board_init);

static const mp_rom_map_elem_t board_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__board) },
    { MP_ROM_QSTR(MP_QSTR___init__), MP_ROM_PTR(&board_init_obj) },
};
static MP_DEFINE_CONST_DICT(board_globals, board_globals_table);

const mp_obj_module_t board_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&board_globals,
};

MP_REGISTER_MODULE(MP_QSTR__board, board_module);
