# Stops the build, with a sentence, where something is missing that would only show much later: in the linker, or in
# the field. The leading space makes CMake leave the sentence on one line.

if(NOT EXISTS ${ATECC_MICROPYTHON}/extmod/mbedtls/mbedtls_alt.c)
    message(FATAL_ERROR " This MicroPython can't let a chip sign in TLS (extmod/mbedtls/mbedtls_alt.c is missing in ${ATECC_MICROPYTHON}): take 1.24 or newer.")
endif()
if(NOT EXISTS ${CMAKE_SOURCE_DIR}/boards/${ATECC_BASE}/mpconfigboard.cmake)
    message(FATAL_ERROR " This MicroPython has no board ${ATECC_BASE}, which ${MICROPY_BOARD} extends: take another version.")
endif()

# From 6.0 on ESP-IDF has Mbed TLS 4, which no longer calls the function that is wrapped here.
include($ENV{IDF_PATH}/tools/cmake/version.cmake OPTIONAL)
if(NOT DEFINED IDF_VERSION_MAJOR)
    message(FATAL_ERROR " There is no ESP-IDF in IDF_PATH ($ENV{IDF_PATH}): tools/cmake/version.cmake is missing.")
endif()
set(ATECC_IDF ${IDF_VERSION_MAJOR}.${IDF_VERSION_MINOR}.${IDF_VERSION_PATCH})
if(ATECC_IDF VERSION_LESS 5.3 OR ATECC_IDF VERSION_GREATER_EQUAL 6)
    message(FATAL_ERROR " ESP-IDF ${ATECC_IDF} won't do: take 5.3 to 5.5 (5.5.4 was tried). Before 5.3 MicroPython doesn't support it, from 6.0 on the chip would never be asked to sign.")
endif()

foreach(ATECC_PART umqtt/umqtt/simple.py microdot/src/microdot/microdot.py)
    if(NOT EXISTS ${MICROPY_MANIFEST_PARTS_DIR}/${ATECC_PART})
        message(FATAL_ERROR " ${MICROPY_MANIFEST_PARTS_DIR}/${ATECC_PART} is missing: `make firmware` in ${ATECC_ROOT} downloads it.")
    endif()
endforeach()
if(NOT EXISTS ${ATECC_ROOT}/firmware/main.py)
    message(FATAL_ERROR " ${ATECC_ROOT}/firmware is missing: these boards are built from a whole clone.")
endif()
