# What every board here adds to a board of MicroPython's own: this project's firmware, frozen, and a TLS whose client
# signature comes from Python, which asks the ATECC608 for it. A board's mpconfigboard.cmake sets and includes:
#   ATECC_BASE        MicroPython's own board that it extends
#   ATECC_SDKCONFIG   fragments of MicroPython's port that this board needs on top (optional)

get_filename_component(ATECC_ROOT ${CMAKE_CURRENT_LIST_DIR}/../.. ABSOLUTE)
# MICROPY_DIR isn't set yet, when the port includes this.
get_filename_component(ATECC_MICROPYTHON ${CMAKE_SOURCE_DIR}/../.. ABSOLUTE)

# Where umqtt and microdot are unpacked. The variables MICROPY_MANIFEST_… are what manifests know as $(…).
set(MICROPY_MANIFEST_PARTS_DIR $ENV{ATECC_PARTS})
if(NOT MICROPY_MANIFEST_PARTS_DIR)
    set(MICROPY_MANIFEST_PARTS_DIR ${ATECC_ROOT}/build)
endif()

include(${CMAKE_CURRENT_LIST_DIR}/require.cmake)
include(boards/${ATECC_BASE}/mpconfigboard.cmake)

# The layout of the flash is a path, which a fragment can't know.
file(WRITE ${CMAKE_BINARY_DIR}/sdkconfig.partitions
    "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"${CMAKE_CURRENT_LIST_DIR}/partitions.csv\"\n")
list(APPEND SDKCONFIG_DEFAULTS
    ${ATECC_SDKCONFIG}
    ${CMAKE_CURRENT_LIST_DIR}/sdkconfig.common
    ${MICROPY_BOARD_DIR}/sdkconfig.board
    ${CMAKE_BINARY_DIR}/sdkconfig.partitions
)

set(MICROPY_FROZEN_MANIFEST ${MICROPY_BOARD_DIR}/manifest.py)

# ecdsa_sign_callback. Without --undefined the link fails: the archive with the wrapper is scanned before the object
# that needs it. A definition in mpconfigboard.h alone would not reach mbedtls_alt.c.
list(APPEND MICROPY_DEF_BOARD MICROPY_PY_SSL_ECDSA_SIGN_ALT=1)
list(APPEND MICROPY_SOURCE_BOARD ${ATECC_MICROPYTHON}/extmod/mbedtls/mbedtls_alt.c)
add_link_options(
    -Wl,--undefined=__wrap_mbedtls_ecdsa_write_signature
    -Wl,--wrap=mbedtls_ecdsa_write_signature
)

# MicroPython's heap, as large as the whole path and 24 KB of an application need (`make budget`). From the port's 56 KB
# it would be doubled at the first shortage; from here on an application makes it grow, as far as heap.c lets it.
list(APPEND MICROPY_DEF_BOARD MICROPY_GC_INITIAL_HEAP_SIZE=110592)
list(APPEND MICROPY_SOURCE_BOARD ${CMAKE_CURRENT_LIST_DIR}/heap.c)
add_link_options(
    -Wl,--undefined=__wrap_gc_get_max_new_split
    -Wl,--wrap=gc_get_max_new_split
)

# See sdkconfig.common.
list(APPEND MICROPY_DEF_BOARD MICROPY_PY_BLUETOOTH=0)
