// machine.I2C and machine.SoftI2C over the I2C socket. The methods are MicroPython's own (extmod/machine_i2c.c);
// errors are those of ESP32's current driver: whatever isn't acknowledged is ENODEV.

#include <string.h>

#include "py/mperrno.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "board.h"
#include "board_pins.h"          // where the chip is wired to: made from board.py

#define DEFAULT_FREQ (400000)
#define DEFAULT_TIMEOUT_US (50000)
#define LONGEST_TRANSFER (0xffff)

typedef struct {
    mp_obj_base_t base;
    uint8_t id;
    uint8_t scl;
    uint8_t sda;
    uint32_t freq;
} i2c_t;

extern const mp_obj_type_t board_soft_i2c_type;

// The pins of an ESP32 whose board doesn't say otherwise.
static i2c_t peripherals[BOARD_I2C_COUNT] = {{.scl = 18, .sda = 19}, {.scl = 25, .sda = 26}};

enum { OK = 0, NO_ADDRESS_ACK = 1, NO_DATA_ACK = 2 };

// Elsewhere than at the chip's pins there is nothing, and without pull-up resistors no line ever gets high.
static bool is_wired(i2c_t *self) {
    return self->scl == BOARD_SCL && self->sda == BOARD_SDA && board_pull_ups();
}

static int write_bytes(i2c_t *self, uint16_t address, const uint8_t *data, size_t len) {
    return is_wired(self) ? bus_write(self->freq, address, data, len) : NO_ADDRESS_ACK;
}

static int read_bytes(i2c_t *self, uint16_t address, uint8_t *data, size_t len) {
    return is_wired(self) ? bus_read(self->freq, address, data, len) : NO_ADDRESS_ACK;
}

// The result is what the methods expect: the length, for a read 0 or more, or a negative error.
static int transfer_single(mp_obj_base_t *base, uint16_t address, size_t len, uint8_t *buf, unsigned int flags) {
    i2c_t *self = (i2c_t *)base;
    if (len > LONGEST_TRANSFER) {
        return -MP_EINVAL;
    }
    bool reading = flags & MP_MACHINE_I2C_FLAG_READ;
    if (reading && len == 0) {
        return 0;                // doesn't reach the bus
    }
    MP_THREAD_GIL_EXIT();
    int status = reading ? read_bytes(self, address, buf, len) : write_bytes(self, address, buf, len);
    MP_THREAD_GIL_ENTER();
    if (status == NO_DATA_ACK && self->base.type == &board_soft_i2c_type) {
        return 0;                // SoftI2C counts acknowledgements
    }
    return status == OK ? (int)len : -MP_ENODEV;
}

static int transfer(mp_obj_base_t *base, uint16_t address, size_t n, mp_machine_i2c_buf_t *bufs, unsigned int flags) {
    if (flags & MP_MACHINE_I2C_FLAG_WRITE1) {
        int written = transfer_single(base, address, bufs->len, bufs->buf, 0);
        if (written < 0) {
            return written;
        }
        --n;
        ++bufs;
    }
    return mp_machine_i2c_transfer_adaptor(base, address, n, bufs, flags);
}

// --- I2C

static void i2c_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    i2c_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "I2C(%u, scl=%u, sda=%u, freq=%u)", self->id, self->scl, self->sda, self->freq);
}

static mp_obj_t i2c_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    enum { ARG_id, ARG_scl, ARG_sda, ARG_freq, ARG_timeout };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_id, MP_ARG_INT, {.u_int = 0} },
        { MP_QSTR_scl, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
        { MP_QSTR_sda, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = DEFAULT_FREQ} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = DEFAULT_TIMEOUT_US} },
    };
    mp_arg_val_t arg[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all_kw_array(n_args, n_kw, args, MP_ARRAY_SIZE(allowed), allowed, arg);
    mp_int_t id = arg[ARG_id].u_int;
    if (id < 0 || id >= BOARD_I2C_COUNT) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("I2C(%d) doesn't exist"), (int)id);
    }
    i2c_t *self = &peripherals[id];
    self->base.type = type;
    self->id = id;
    if (arg[ARG_scl].u_obj != MP_OBJ_NULL) {
        self->scl = pin_number(arg[ARG_scl].u_obj);
    }
    if (arg[ARG_sda].u_obj != MP_OBJ_NULL) {
        self->sda = pin_number(arg[ARG_sda].u_obj);
    }
    self->freq = arg[ARG_freq].u_int;
    return MP_OBJ_FROM_PTR(self);
}

// There is no init, on ESP32 neither: whoever wants another frequency constructs it again.
static const mp_machine_i2c_p_t i2c_protocol = {
    .transfer_supports_write1 = true,
    .transfer = transfer,
    .transfer_single = transfer_single,
};

MP_DEFINE_CONST_OBJ_TYPE(
    machine_i2c_type, MP_QSTR_I2C, MP_TYPE_FLAG_NONE,
    make_new, i2c_make_new,
    print, i2c_print,
    protocol, &i2c_protocol,
    locals_dict, &mp_machine_i2c_locals_dict
    );

// --- SoftI2C

static void soft_i2c_print(const mp_print_t *print, mp_obj_t self_in, mp_print_kind_t kind) {
    (void)kind;
    i2c_t *self = MP_OBJ_TO_PTR(self_in);
    mp_printf(print, "SoftI2C(scl=%u, sda=%u, freq=%u)", self->scl, self->sda, self->freq);
}

static void soft_i2c_init(mp_obj_base_t *base, size_t n_args, const mp_obj_t *args, mp_map_t *kw) {
    enum { ARG_scl, ARG_sda, ARG_freq, ARG_timeout };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_scl, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
        { MP_QSTR_sda, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
        { MP_QSTR_freq, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = DEFAULT_FREQ} },
        { MP_QSTR_timeout, MP_ARG_KW_ONLY | MP_ARG_INT, {.u_int = DEFAULT_TIMEOUT_US} },
    };
    mp_arg_val_t arg[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kw, MP_ARRAY_SIZE(allowed), allowed, arg);
    i2c_t *self = (i2c_t *)base;
    self->scl = pin_number(arg[ARG_scl].u_obj);
    self->sda = pin_number(arg[ARG_sda].u_obj);
    self->freq = arg[ARG_freq].u_int;
}

static mp_obj_t soft_i2c_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    i2c_t *self = mp_obj_malloc(i2c_t, type);
    mp_map_t kw;
    mp_map_init_fixed_table(&kw, n_kw, args + n_args);
    soft_i2c_init(&self->base, n_args, args, &kw);
    return MP_OBJ_FROM_PTR(self);
}

static const mp_machine_i2c_p_t soft_i2c_protocol = {
    .init = soft_i2c_init,
    .transfer_supports_write1 = true,
    .transfer = transfer,
    .transfer_single = transfer_single,
};

MP_DEFINE_CONST_OBJ_TYPE(
    board_soft_i2c_type, MP_QSTR_SoftI2C, MP_TYPE_FLAG_NONE,
    make_new, soft_i2c_make_new,
    print, soft_i2c_print,
    protocol, &soft_i2c_protocol,
    locals_dict, &mp_machine_i2c_locals_dict
    );
