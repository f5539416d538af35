// machine.Pin: the numbers and levels of an ESP32's pins. Nothing is wired to them but the I2C bus, whose lines have
// pull-up resistors, unless the runner has left them out.

#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "board.h"
#include "board_pins.h"

#define PIN_COUNT (40)
#define PIN_EXISTS (~((1ULL << 24) | (0xfULL << 28)))

enum { PULL_DOWN = 1, PULL_UP = 2 };
enum { MODE_IN = 1, MODE_OUT = 3, MODE_OPEN_DRAIN = 7 };

typedef struct {
    mp_obj_base_t base;
    uint8_t mode;
    bool pulled_up;
    bool level;
} pin_t;

static pin_t pins[PIN_COUNT];

static pin_t *pin_find(mp_obj_t id) {
    if (mp_obj_is_type(id, &machine_pin_type)) {
        return MP_OBJ_TO_PTR(id);
    }
    mp_int_t number;
    if (!mp_obj_get_int_maybe(id, &number) || number < 0 || number >= PIN_COUNT || !(PIN_EXISTS >> number & 1)) {
        mp_raise_ValueError(MP_ERROR_TEXT("invalid pin"));
    }
    pins[number].base.type = &machine_pin_type;
    return &pins[number];
}

int pin_number(void *id) {
    return pin_find(id) - pins;
}

static void pin_print(const mp_print_t *print, mp_obj_t self, mp_print_kind_t kind) {
    (void)kind;
    mp_printf(print, "Pin(%u)", pin_number(self));
}

static void pin_configure(pin_t *self, size_t n_args, const mp_obj_t *args, mp_map_t *kw) {
    enum { ARG_mode, ARG_pull, ARG_value, ARG_drive, ARG_hold };
    static const mp_arg_t allowed[] = {
        { MP_QSTR_mode, MP_ARG_OBJ, {.u_obj = mp_const_none} },
        { MP_QSTR_pull, MP_ARG_OBJ, {.u_obj = mp_const_none} },
        { MP_QSTR_value, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
        { MP_QSTR_drive, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
        { MP_QSTR_hold, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NULL} },
    };
    mp_arg_val_t arg[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, args, kw, MP_ARRAY_SIZE(allowed), allowed, arg);
    if (arg[ARG_value].u_obj != MP_OBJ_NULL) {
        self->level = mp_obj_is_true(arg[ARG_value].u_obj);
    }
    if (arg[ARG_mode].u_obj != mp_const_none) {
        self->mode = mp_obj_get_int(arg[ARG_mode].u_obj);
    }
    if (arg[ARG_pull].u_obj != mp_const_none) {
        self->pulled_up = mp_obj_get_int(arg[ARG_pull].u_obj) == PULL_UP;
    }
}

static mp_obj_t pin_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    mp_arg_check_num(n_args, n_kw, 1, MP_OBJ_FUN_ARGS_MAX, true);
    pin_t *self = pin_find(args[0]);
    mp_map_t kw;
    mp_map_init_fixed_table(&kw, n_kw, args + n_args);
    pin_configure(self, n_args - 1, args + 1, &kw);
    return MP_OBJ_FROM_PTR(self);
}

static bool pin_reads(pin_t *self) {
    int number = pin_number(MP_OBJ_FROM_PTR(self));
    bool line = number == BOARD_SCL || number == BOARD_SDA;
    return self->pulled_up || (line && board_pull_ups());
}

static mp_obj_t pin_call(mp_obj_t self_in, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 0, 1, false);
    pin_t *self = MP_OBJ_TO_PTR(self_in);
    if (n_args == 0) {
        return MP_OBJ_NEW_SMALL_INT(self->mode == MODE_IN ? pin_reads(self) : self->level);
    }
    self->level = mp_obj_is_true(args[0]);
    return mp_const_none;
}

static mp_obj_t pin_init(size_t n_args, const mp_obj_t *args, mp_map_t *kw) {
    pin_configure(MP_OBJ_TO_PTR(args[0]), n_args - 1, args + 1, kw);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(pin_init_obj, 1, pin_init);

static mp_obj_t pin_value(size_t n_args, const mp_obj_t *args) {
    return pin_call(args[0], n_args - 1, 0, args + 1);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(pin_value_obj, 1, 2, pin_value);

static mp_obj_t pin_on(mp_obj_t self) {
    return pin_call(self, 1, 0, &(mp_obj_t) {mp_const_true});
}
static MP_DEFINE_CONST_FUN_OBJ_1(pin_on_obj, pin_on);

static mp_obj_t pin_off(mp_obj_t self) {
    return pin_call(self, 1, 0, &(mp_obj_t) {mp_const_false});
}
static MP_DEFINE_CONST_FUN_OBJ_1(pin_off_obj, pin_off);

static mp_obj_t pin_toggle(mp_obj_t self) {
    return ((pin_t *)MP_OBJ_TO_PTR(self))->level ? pin_off(self) : pin_on(self);
}
static MP_DEFINE_CONST_FUN_OBJ_1(pin_toggle_obj, pin_toggle);

static const mp_rom_map_elem_t pin_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&pin_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_value), MP_ROM_PTR(&pin_value_obj) },
    { MP_ROM_QSTR(MP_QSTR_on), MP_ROM_PTR(&pin_on_obj) },
    { MP_ROM_QSTR(MP_QSTR_off), MP_ROM_PTR(&pin_off_obj) },
    { MP_ROM_QSTR(MP_QSTR_toggle), MP_ROM_PTR(&pin_toggle_obj) },
    { MP_ROM_QSTR(MP_QSTR_IN), MP_ROM_INT(MODE_IN) },
    { MP_ROM_QSTR(MP_QSTR_OUT), MP_ROM_INT(MODE_OUT) },
    { MP_ROM_QSTR(MP_QSTR_OPEN_DRAIN), MP_ROM_INT(MODE_OPEN_DRAIN) },
    { MP_ROM_QSTR(MP_QSTR_PULL_UP), MP_ROM_INT(PULL_UP) },
    { MP_ROM_QSTR(MP_QSTR_PULL_DOWN), MP_ROM_INT(PULL_DOWN) },
};
static MP_DEFINE_CONST_DICT(pin_locals, pin_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_pin_type, MP_QSTR_Pin, MP_TYPE_FLAG_NONE,
    make_new, pin_make_new,
    print, pin_print,
    call, pin_call,
    locals_dict, &pin_locals
    );
