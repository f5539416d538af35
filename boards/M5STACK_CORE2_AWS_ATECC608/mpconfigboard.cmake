set(ATECC_BASE ESP32_GENERIC)
set(ATECC_SDKCONFIG boards/sdkconfig.spiram)
include(${CMAKE_CURRENT_LIST_DIR}/../common/board.cmake)
