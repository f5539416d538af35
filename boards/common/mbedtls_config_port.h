// From 1.28 on MicroPython's mbedtls_alt.c includes this; the esp32 port, where ESP-IDF configures Mbed TLS, has none.
// Left defined, ESP-IDF 5.5 would get a second mbedtls_hardware_poll.
#undef MBEDTLS_ENTROPY_HARDWARE_ALT
