// Threads have as little stack as on ESP32: what an object's size makes of its 5 KB, or of what was asked for. They pay for
// what was asked for in ESP-IDF's memory. What the code in C takes (TLS) can't run into the end: it is measured.

#include <pthread.h>
#include <stdlib.h>

#include "py/mpthread.h"
#include "py/runtime.h"
#include "board.h"

#define DEFAULT_STACK (5 * 1024)
#define LEAST_STACK (4 * 1024)

// C code isn't counted by MicroPython, and must not run into the end of the real stack.
#define REAL_STACK (256 * 1024)
#define PAINTED (REAL_STACK - 32 * 1024)
#define PAINT (0xa5)

typedef void *(*entry_t)(void *);

typedef struct _thread_stack_t {
    void *arg;               // the thread's: it finds its stack by that
    void *piece;             // of ESP-IDF's memory, and its size
    size_t size;
    const uint8_t *painted;  // PAINTED bytes, the end first; NULL: the thread has not begun
    struct _thread_stack_t *next;
} thread_stack_t;

static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t listing = PTHREAD_MUTEX_INITIALIZER;
static entry_t thread_entry;
static thread_stack_t *stacks;
static size_t deepest;

static size_t depth(const thread_stack_t *stack) {
    size_t left = stack->painted == NULL ? PAINTED : 0;
    while (left < PAINTED && stack->painted[left] == PAINT) {
        ++left;
    }
    return PAINTED - left;
}

size_t threads_deepest(void) {
    pthread_mutex_lock(&listing);
    for (const thread_stack_t *stack = stacks; stack != NULL; stack = stack->next) {
        deepest = MAX(deepest, depth(stack));
    }
    size_t result = deepest;
    pthread_mutex_unlock(&listing);
    return result;
}

static thread_stack_t *enlist(void *arg, void *piece, size_t size) {
    thread_stack_t *stack = malloc(sizeof(*stack));
    *stack = (thread_stack_t) {.arg = arg, .piece = piece, .size = size};
    pthread_mutex_lock(&listing);
    stack->next = stacks;
    stacks = stack;
    pthread_mutex_unlock(&listing);
    return stack;
}

static thread_stack_t *find(void *arg) {
    pthread_mutex_lock(&listing);
    thread_stack_t *stack = stacks;
    while (stack->arg != arg) {
        stack = stack->next;
    }
    stack->arg = NULL;       // its memory may be another thread's by and by
    pthread_mutex_unlock(&listing);
    return stack;
}

static void strike_off(thread_stack_t *stack) {
    pthread_mutex_lock(&listing);
    deepest = MAX(deepest, depth(stack));
    thread_stack_t **link = &stacks;
    while (*link != stack) {
        link = &(*link)->next;
    }
    *link = stack->next;
    pthread_mutex_unlock(&listing);
    idfheap_stack_free(stack->piece, stack->size);
    free(stack);
}

// What is below this function's caller is painted: all that it will ever use.
static __attribute__((noinline)) const uint8_t *paint(void) {
    volatile uint8_t *end = (volatile uint8_t *)__builtin_frame_address(0) - PAINTED - 256;
    for (size_t i = 0; i < PAINTED; ++i) {
        end[i] = PAINT;
    }
    return (const uint8_t *)end;
}

// A thread reads the size of its stack first thing: only when it is set.
static void *begin(void *arg) {
    pthread_mutex_lock(&creating);
    pthread_mutex_unlock(&creating);
    thread_stack_t *stack = find(arg);
    stack->painted = paint();
    void *result = thread_entry(arg);
    strike_off(stack);
    return result;
}

mp_uint_t __wrap_mp_thread_create(entry_t entry, void *arg, size_t *stack_size) {
    extern mp_uint_t __real_mp_thread_create(entry_t entry, void *arg, size_t *stack_size);
    size_t asked = *stack_size == 0 ? DEFAULT_STACK : MAX(*stack_size, LEAST_STACK);
    void *piece = idfheap_stack(asked);
    if (piece == NULL) {
        mp_raise_msg(&mp_type_OSError, MP_ERROR_TEXT("can't create thread"));
    }
    thread_stack_t *stack = enlist(arg, piece, asked);
    nlr_buf_t nlr;
    pthread_mutex_lock(&creating);
    if (nlr_push(&nlr) != 0) {
        pthread_mutex_unlock(&creating);
        strike_off(stack);
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
