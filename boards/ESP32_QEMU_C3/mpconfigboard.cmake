set(ATECC_BASE ESP32_GENERIC_C3)
include(${CMAKE_CURRENT_LIST_DIR}/../common/board.cmake)
