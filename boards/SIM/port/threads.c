// Threads have as little stack as on ESP32: what an object's size makes of its 5 KB, or of what was asked for. They pay for
// what was asked for in ESP-IDF's memory.

#include <pthread.h>

#include "py/mpthread.h"
#include "py/runtime.h"
#include "board.h"

#define DEFAULT_STACK (5 * 1024)
#define LEAST_STACK (4 * 1024)

// C code (TLS) isn't counted, and must not run into the end of the real stack.
#define REAL_STACK (256 * 1024)

typedef void *(*entry_t)(void *);

static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
static entry_t thread_entry;
static struct { void *piece; size_t size; } paid;

// A thread reads the size of its stack first thing: only when it is set.
static void *begin(void *arg) {
    pthread_mutex_lock(&creating);
    void *piece = paid.piece;
    size_t size = paid.size;
    pthread_mutex_unlock(&creating);
    void *result = thread_entry(arg);
    idfheap_stack_free(piece, size);
    return result;
}

mp_uint_t __wrap_mp_thread_create(entry_t entry, void *arg, size_t *stack_size) {
    extern mp_uint_t __real_mp_thread_create(entry_t entry, void *arg, size_t *stack_size);
    size_t asked = *stack_size == 0 ? DEFAULT_STACK : MAX(*stack_size, LEAST_STACK);
    void *piece = idfheap_stack(asked);
    if (piece == NULL) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("can't create thread"));
    }
    nlr_buf_t nlr;
    pthread_mutex_lock(&creating);
    if (nlr_push(&nlr) != 0) {
        pthread_mutex_unlock(&creating);
        idfheap_stack_free(piece, asked);
        nlr_jump(nlr.ret_val);
    }
    thread_entry = entry;
    paid.piece = piece;
    paid.size = asked;
    *stack_size = REAL_STACK;
    mp_uint_t id = __real_mp_thread_create(begin, arg, stack_size);
    *stack_size = asked * BOARD_OBJECTS_ARE_LARGER;
    nlr_pop();
    pthread_mutex_unlock(&creating);
    return id;
}
