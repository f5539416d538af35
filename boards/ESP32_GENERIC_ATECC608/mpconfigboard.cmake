set(ATECC_BASE ESP32_GENERIC)
include(${CMAKE_CURRENT_LIST_DIR}/../common/board.cmake)
