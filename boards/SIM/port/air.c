// What is in the air around the board: the text of the file that BOARD_AIR names, for network.py. Whoever runs the
// board may write it anew at any time.

#include <fcntl.h>
#include <unistd.h>

#include "py/runtime.h"
#include "py/objstr.h"
#include "board.h"

#define LARGEST (64 * 1024)

static mp_obj_t air_text(void) {
    const char *path = board_air();
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return mp_obj_new_str("", 0);
    }
    vstr_t text;
    vstr_init(&text, 1024);
    ssize_t got = 1;
    while (got > 0 && text.len < LARGEST) {
        char piece[1024];
        got = read(fd, piece, sizeof(piece));
        vstr_add_strn(&text, piece, got > 0 ? got : 0);
    }
    close(fd);
    return mp_obj_new_str_from_vstr(&text);
}
static MP_DEFINE_CONST_FUN_OBJ_0(air_text_obj, air_text);

static const mp_rom_map_elem_t air_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR__air) },
    { MP_ROM_QSTR(MP_QSTR_text), MP_ROM_PTR(&air_text_obj) },
};
static MP_DEFINE_CONST_DICT(air_globals, air_globals_table);

const mp_obj_module_t air_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&air_globals,
};

MP_REGISTER_MODULE(MP_QSTR__air, air_module);
