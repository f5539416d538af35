// Threads have as little stack as on ESP32: what an object's size makes of its 5 KB, or of what was asked for.

#include <pthread.h>

#include "py/mpthread.h"
#include "py/runtime.h"

#define DEFAULT_STACK (5 * 1024)
#define LEAST_STACK (4 * 1024)

// C code (TLS) isn't counted, and must not run into the end of the real stack.
#define REAL_STACK (256 * 1024)

typedef void *(*entry_t)(void *);

static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
static entry_t thread_entry;

// A thread reads the size of its stack first thing: only when it is set.
static void *begin(void *arg) {
    pthread_mutex_lock(&creating);
    pthread_mutex_unlock(&creating);
    return thread_entry(arg);
}

mp_uint_t __wrap_mp_thread_create(entry_t entry, void *arg, size_t *stack_size) {
    extern mp_uint_t __real_mp_thread_create(entry_t entry, void *arg, size_t *stack_size);
    size_t asked = *stack_size == 0 ? DEFAULT_STACK : MAX(*stack_size, LEAST_STACK);
    nlr_buf_t nlr;
    pthread_mutex_lock(&creating);
    if (nlr_push(&nlr) != 0) {
        pthread_mutex_unlock(&creating);
        nlr_jump(nlr.ret_val);
    }
    thread_entry = entry;
    *stack_size = REAL_STACK;
    mp_uint_t id = __real_mp_thread_create(begin, arg, stack_size);
    *stack_size = asked * BOARD_OBJECTS_ARE_LARGER;
    nlr_pop();
    pthread_mutex_unlock(&creating);
    return id;
}
