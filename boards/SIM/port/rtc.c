// machine.RTC

#include "py/runtime.h"
#include "extmod/modmachine.h"
#include "shared/timeutils/timeutils.h"
#include "board.h"

#define MILLION (1000000LL)

static const mp_obj_base_t rtc = {&machine_rtc_type};

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    return MP_OBJ_FROM_PTR(&rtc);
}

static mp_obj_t rtc_read(void) {
    int64_t now = rtc_get();
    timeutils_struct_time_t tm;
    timeutils_seconds_since_2000_to_struct_time(now / MILLION - TIMEUTILS_SECONDS_1970_TO_2000, &tm);
    mp_obj_t fields[] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year), MP_OBJ_NEW_SMALL_INT(tm.tm_mon), MP_OBJ_NEW_SMALL_INT(tm.tm_mday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday), MP_OBJ_NEW_SMALL_INT(tm.tm_hour), MP_OBJ_NEW_SMALL_INT(tm.tm_min),
        MP_OBJ_NEW_SMALL_INT(tm.tm_sec), MP_OBJ_NEW_SMALL_INT(now % MILLION),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(fields), fields);
}

// `hour` is where the hour stands: RTC.init() and RTC.datetime() differ, on ESP32 too.
static mp_obj_t rtc_write(mp_obj_t datetime, size_t hour) {
    mp_obj_t *field;
    mp_obj_get_array_fixed_n(datetime, 8, &field);
    int64_t seconds = timeutils_seconds_since_2000(
        mp_obj_get_int(field[0]), mp_obj_get_int(field[1]), mp_obj_get_int(field[2]),
        mp_obj_get_int(field[hour]), mp_obj_get_int(field[hour + 1]), mp_obj_get_int(field[hour + 2]));
    rtc_set((seconds + (int64_t)TIMEUTILS_SECONDS_1970_TO_2000) * MILLION + mp_obj_get_int(field[7]));
    return mp_const_none;
}

static mp_obj_t rtc_datetime(size_t n_args, const mp_obj_t *args) {
    return n_args == 1 ? rtc_read() : rtc_write(args[1], 4);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static mp_obj_t rtc_init(mp_obj_t self, mp_obj_t datetime) {
    (void)self;
    return rtc_write(datetime, 3);
}
static MP_DEFINE_CONST_FUN_OBJ_2(rtc_init_obj, rtc_init);

static const mp_rom_map_elem_t rtc_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_init), MP_ROM_PTR(&rtc_init_obj) },
    { MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj) },
};
static MP_DEFINE_CONST_DICT(rtc_locals, rtc_locals_table);

MP_DEFINE_CONST_OBJ_TYPE(
    machine_rtc_type, MP_QSTR_RTC, MP_TYPE_FLAG_NONE,
    make_new, rtc_make_new,
    locals_dict, &rtc_locals
    );
