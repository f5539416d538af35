// The unix port's configuration of Mbed TLS, with memory from the board's own (idfheap.c), which can run out.
#include "mbedtls/mbedtls_config_port.h"

#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_MEMORY_BUFFER_ALLOC_C
#define MBEDTLS_MEMORY_DEBUG
