// MicroPython's heap grows by what ESP-IDF has free in one piece, all of it, when a program takes more than there is. The
// next TLS handshake would find nothing. So this much is left alone: for a handshake (18 KB at its peak) and a thread that
// runs a request beside it.
#include <stddef.h>

#define LEFT_FOR_TLS (28 * 1024)

size_t __real_gc_get_max_new_split(void);
size_t __wrap_gc_get_max_new_split(void);

size_t __wrap_gc_get_max_new_split(void) {
    size_t largest = __real_gc_get_max_new_split();
    return largest > LEFT_FOR_TLS ? largest - LEFT_FOR_TLS : 0;
}
