// The memory that ESP-IDF keeps: what is left of a board's RAM beside MicroPython's heap. TLS and the threads' stacks are
// allocated in it for real, by Mbed TLS's own allocator: it fragments, and it runs out.
//
// esp32.idf_heap_info() tells of it as on an ESP32, as one region.

#include <pthread.h>
#include <stdlib.h>

#include "mbedtls/memory_buffer_alloc.h"
#include "mbedtls/platform.h"
#include "mbedtls/ssl.h"
#include "py/runtime.h"
#include "board.h"

#define KB (1024)

// The allocator's own, in front of each piece.
#define PER_PIECE (8 * sizeof(size_t))

// ESP-IDF's MALLOC_CAP_8BIT and MALLOC_CAP_EXEC.
#define HEAP_DATA (1 << 2)
#define HEAP_EXEC (1 << 0)

void *__real_mbedtls_calloc(size_t count, size_t size);
void __real_mbedtls_free(void *piece);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t total, stacks, most, most_tls, most_stacks;
static char *area;
static __thread bool free_of_charge;

void idfheap_init(const char *size) {
    char *unit;
    total = strtoul(size, &unit, 10);
    total *= *unit == 'k' || *unit == 'K' ? KB : *unit == 'm' || *unit == 'M' ? KB * KB : 1;
    void *memory = malloc(total);
    if (memory == NULL || total == 0) {
        abort();
    }
    area = memory;
    mbedtls_memory_buffer_alloc_init(memory, total);
}

// See tlsbuffers.c.
void idfheap_free_of_charge(bool on) {
    free_of_charge = on;
}

static bool is_buffer(size_t size) {
    return free_of_charge && size >= MBEDTLS_SSL_OUT_CONTENT_LEN;
}

static size_t used(void) {
    size_t bytes, pieces;
    mbedtls_memory_buffer_alloc_cur_get(&bytes, &pieces);
    return bytes + pieces * PER_PIECE;
}

static void note(void) {
    size_t now = used();
    most = MAX(most, now);
    most_tls = MAX(most_tls, now - stacks);
    most_stacks = MAX(most_stacks, stacks);
}

void *__wrap_mbedtls_calloc(size_t count, size_t size) {
    if (is_buffer(count * size)) {
        return calloc(count, size);
    }
    pthread_mutex_lock(&lock);
    void *piece = __real_mbedtls_calloc(count, size);
    note();
    pthread_mutex_unlock(&lock);
    return piece;
}

void __wrap_mbedtls_free(void *piece) {
    if ((char *)piece < area || (char *)piece >= area + total) {
        free(piece);
        return;
    }
    pthread_mutex_lock(&lock);
    __real_mbedtls_free(piece);
    pthread_mutex_unlock(&lock);
}

void *idfheap_stack(size_t size) {
    pthread_mutex_lock(&lock);
    void *piece = __real_mbedtls_calloc(1, size);
    if (piece != NULL) {
        stacks += size + PER_PIECE;
    }
    note();
    pthread_mutex_unlock(&lock);
    return piece;
}

void idfheap_stack_free(void *piece, size_t size) {
    pthread_mutex_lock(&lock);
    __real_mbedtls_free(piece);
    stacks -= size + PER_PIECE;
    pthread_mutex_unlock(&lock);
}

// What the allocator would give in one piece: it has no way to say that, but to try.
static size_t largest(void) {
    size_t fits = 0, too_large = total + 1;
    while (too_large - fits > 1) {
        size_t middle = fits + (too_large - fits) / 2;
        void *piece = __real_mbedtls_calloc(1, middle);
        if (piece == NULL) {
            too_large = middle;
        } else {
            fits = middle;
            __real_mbedtls_free(piece);
        }
    }
    return fits;
}

// MicroPython's heap grows as an ESP32's does; boards/common/heap.c holds it back, there and here.
size_t gc_get_max_new_split(void) {
    pthread_mutex_lock(&lock);
    size_t piece = board_heap_grows() ? largest() : 0;
    pthread_mutex_unlock(&lock);
    return piece;
}

void *idfheap_area(size_t size) {
    pthread_mutex_lock(&lock);
    void *piece = __real_mbedtls_calloc(1, size);
    note();
    pthread_mutex_unlock(&lock);
    return piece;
}

void idfheap_area_free(void *piece) {
    __wrap_mbedtls_free(piece);
}

// [(size, free, largest piece that is free, least that was ever free)], in bytes; of HEAP_EXEC a board here has none.
static mp_obj_t heap_info(mp_obj_t kind) {
    mp_obj_t list = mp_obj_new_list(0, NULL);
    if (mp_obj_get_int(kind) & HEAP_DATA) {
        pthread_mutex_lock(&lock);
        size_t numbers[] = {total, total - used(), largest(), total - most};
        pthread_mutex_unlock(&lock);
        mp_obj_t items[MP_ARRAY_SIZE(numbers)];
        for (size_t i = 0; i < MP_ARRAY_SIZE(numbers); ++i) {
            items[i] = mp_obj_new_int_from_uint(numbers[i]);
        }
        mp_obj_list_append(list, mp_obj_new_tuple(MP_ARRAY_SIZE(items), items));
    }
    return list;
}
static MP_DEFINE_CONST_FUN_OBJ_1(heap_info_obj, heap_info);

// For the bench, not as on an ESP32: the most that TLS ever held, that all stacks ever held, and that one thread ever used of
// its stack, in bytes.
static mp_obj_t heap_peaks(void) {
    mp_obj_t items[] = {
        mp_obj_new_int_from_uint(most_tls),
        mp_obj_new_int_from_uint(most_stacks),
        mp_obj_new_int_from_uint(threads_deepest()),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_0(heap_peaks_obj, heap_peaks);

static const mp_rom_map_elem_t esp32_globals_table[] = {
    { MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_esp32) },
    { MP_ROM_QSTR(MP_QSTR_idf_heap_info), MP_ROM_PTR(&heap_info_obj) },
    { MP_ROM_QSTR(MP_QSTR_HEAP_DATA), MP_ROM_INT(HEAP_DATA) },
    { MP_ROM_QSTR(MP_QSTR_HEAP_EXEC), MP_ROM_INT(HEAP_EXEC) },
    { MP_ROM_QSTR(MP_QSTR__peaks), MP_ROM_PTR(&heap_peaks_obj) },
};
static MP_DEFINE_CONST_DICT(esp32_globals, esp32_globals_table);

const mp_obj_module_t esp32_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&esp32_globals,
};

MP_REGISTER_MODULE(MP_QSTR_esp32, esp32_module);
