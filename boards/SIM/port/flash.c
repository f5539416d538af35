// The flash that holds the board's filesystem, as flashbdev.bdev, where an ESP32 has it: blocks in a file.

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "py/mperrno.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "board.h"

static int flash_fd = -1;

static bool erase(size_t block) {
    uint8_t blank[BOARD_FLASH_BLOCK_SIZE];
    memset(blank, 0xff, sizeof(blank));
    return pwrite(flash_fd, blank, sizeof(blank), block * sizeof(blank)) == sizeof(blank);
}

bool flash_init(const char *path) {
    flash_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct stat st;
    if (flash_fd < 0 || fstat(flash_fd, &st) != 0) {
        return false;
    }
    for (size_t block = st.st_size / BOARD_FLASH_BLOCK_SIZE; block < BOARD_FLASH_BLOCKS; ++block) {
        if (!erase(block)) {
            return false;
        }
    }
    return true;
}

static off_t position(size_t n_args, const mp_obj_t *args) {
    return mp_obj_get_int(args[1]) * BOARD_FLASH_BLOCK_SIZE + (n_args > 3 ? mp_obj_get_int(args[3]) : 0);
}

static mp_obj_t flash_readblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_WRITE);
    bool done = pread(flash_fd, buf.buf, buf.len, position(n_args, args)) == (ssize_t)buf.len;
    return MP_OBJ_NEW_SMALL_INT(done ? 0 : -MP_EIO);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_readblocks_obj, 3, 4, flash_readblocks);

static mp_obj_t flash_writeblocks(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t buf;
    mp_get_buffer_raise(args[2], &buf, MP_BUFFER_READ);
    bool done = pwrite(flash_fd, buf.buf, buf.len, position(n_args, args)) == (ssize_t)buf.len;
    return MP_OBJ_NEW_SMALL_INT(done ? 0 : -MP_EIO);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(flash_writeblocks_obj, 3, 4, flash_writeblocks);

static mp_obj_t flash_ioctl(mp_obj_t self, mp_obj_t request, mp_obj_t block) {
    (void)self;
    switch (mp_obj_get_int(request)) {
        case MP_BLOCKDEV_IOCTL_BLOCK_COUNT:
            return MP_OBJ_NEW_SMALL_INT(BOARD_FLASH_BLOCKS);
        case MP_BLOCKDEV_IOCTL_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(BOARD_FLASH_BLOCK_SIZE);
        case MP_BLOCKDEV_IOCTL_BLOCK_ERASE:
            return MP_OBJ_NEW_SMALL_INT(erase(mp_obj_get_int(block)) ? 0 : -MP_EIO);
        default:
            return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(flash_ioctl_obj, flash_ioctl);

static const mp_rom_map_elem_t flash_locals_table[] = {
    { MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&flash_readblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&flash_writeblocks_obj) },
    { MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&flash_ioctl_obj) },
};
static MP_DEFINE_CONST_DICT(flash_locals, flash_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(
    flash_type, MP_QSTR_Flash, MP_TYPE_FLAG_NONE,
    locals_dict, &flash_locals
    );

static const mp_obj_base_t flash = {&flash_type};

static const mp_rom_map_elem_t flashbdev_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_flashbdev) },
    { MP_ROM_QSTR(MP_QSTR_bdev), MP_ROM_PTR(&flash) },
};
static MP_DEFINE_CONST_DICT(flashbdev_globals, flashbdev_globals_table);

const mp_obj_module_t flashbdev_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&flashbdev_globals,
};

MP_REGISTER_MODULE(MP_QSTR_flashbdev, flashbdev_module);
