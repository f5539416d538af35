// TLS's buffers take of ESP-IDF's memory (idfheap.c) what they take there with CONFIG_MBEDTLS_DYNAMIC_BUFFER, as boards are
// built (boards/common/sdkconfig.common): one for what arrives as long as a record is being read, and as large as that is;
// one for what goes out, of the largest size, while something is being sent. Mbed TLS itself has its two here from the
// first to the last, of memory that nobody counts; pieces of the boards' memory stand in for them.
//
// Where it differs it is harder: during a handshake the one for what goes out is held all the time, and what has arrived is
// held until the next record begins.

#include <stdlib.h>

#include "mbedtls/platform.h"
#include "mbedtls/ssl.h"
#include "board.h"

#define HEADER (5)
// Beside a record's own bytes: header and counter, a cipher's vector, MAC, padding; and what ESP-IDF notes of a buffer.
#define AROUND (13 + 16 + 48 + 256 + 8)
#define LARGEST_OUT (MBEDTLS_SSL_OUT_CONTENT_LEN + AROUND)
// What stays of both between two records.
#define IDLE (29 + 8 + 16 + 8)

typedef struct _buffers_t {
    const mbedtls_ssl_context *ssl;
    void *bio;
    mbedtls_ssl_send_t *send;
    mbedtls_ssl_recv_t *recv;
    void *idle, *in, *out;
    unsigned char header[HEADER];
    size_t seen, left;    // of the header; of the record behind it
    struct _buffers_t *next;
} buffers_t;

static buffers_t *all;    // under MicroPython's GIL

int __real_mbedtls_ssl_setup(mbedtls_ssl_context *ssl, const mbedtls_ssl_config *conf);
void __real_mbedtls_ssl_set_bio(mbedtls_ssl_context *ssl, void *bio, mbedtls_ssl_send_t *send, mbedtls_ssl_recv_t *recv,
    mbedtls_ssl_recv_timeout_t *recv_timeout);
int __real_mbedtls_ssl_handshake(mbedtls_ssl_context *ssl);
int __real_mbedtls_ssl_read(mbedtls_ssl_context *ssl, unsigned char *data, size_t len);
int __real_mbedtls_ssl_write(mbedtls_ssl_context *ssl, const unsigned char *data, size_t len);
int __real_mbedtls_ssl_send_alert_message(mbedtls_ssl_context *ssl, unsigned char level, unsigned char message);
void __real_mbedtls_ssl_free(mbedtls_ssl_context *ssl);

static buffers_t *of(const mbedtls_ssl_context *ssl) {
    buffers_t *found = all;
    while (found != NULL && found->ssl != ssl) {
        found = found->next;
    }
    return found;
}

void __wrap_mbedtls_ssl_free(mbedtls_ssl_context *ssl);

// Whether there is room: a piece that is there already is kept.
static bool take(void **piece, size_t size) {
    if (*piece == NULL) {
        *piece = mbedtls_calloc(1, size);
    }
    return *piece != NULL;
}

static void drop(void **piece) {
    mbedtls_free(*piece);
    *piece = NULL;
}

int __wrap_mbedtls_ssl_setup(mbedtls_ssl_context *ssl, const mbedtls_ssl_config *conf) {
    idfheap_free_of_charge(true);
    int result = __real_mbedtls_ssl_setup(ssl, conf);
    idfheap_free_of_charge(false);
    if (result != 0) {
        return result;
    }
    buffers_t *buffers = calloc(1, sizeof(buffers_t));
    buffers->ssl = ssl;
    buffers->next = all;
    all = buffers;
    if (!take(&buffers->idle, IDLE) || !take(&buffers->out, LARGEST_OUT)) {
        __wrap_mbedtls_ssl_free(ssl);
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    return 0;
}

static int sending(void *context, const unsigned char *data, size_t len) {
    buffers_t *buffers = context;
    return buffers->send(buffers->bio, data, len);
}

static int receiving(void *context, unsigned char *data, size_t len) {
    buffers_t *buffers = context;
    if (buffers->seen == HEADER && buffers->left == 0) {
        drop(&buffers->in);
        buffers->seen = 0;
    }
    if (buffers->seen == HEADER && !take(&buffers->in, buffers->left + AROUND)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    int got = buffers->recv(buffers->bio, data, len);
    for (int i = 0; i < got; ++i) {
        if (buffers->seen < HEADER) {
            buffers->header[buffers->seen++] = data[i];
            buffers->left = buffers->seen < HEADER ? 0 : buffers->header[3] << 8 | buffers->header[4];
        } else {
            buffers->left -= 1;
        }
    }
    return got;
}

void __wrap_mbedtls_ssl_set_bio(mbedtls_ssl_context *ssl, void *bio, mbedtls_ssl_send_t *send, mbedtls_ssl_recv_t *recv,
    mbedtls_ssl_recv_timeout_t *recv_timeout) {
    buffers_t *buffers = of(ssl);
    buffers->bio = bio;
    buffers->send = send;
    buffers->recv = recv;
    __real_mbedtls_ssl_set_bio(ssl, buffers, sending, receiving, recv_timeout);
}

static int done(buffers_t *buffers, int result) {
    if (buffers != NULL && mbedtls_ssl_is_handshake_over((mbedtls_ssl_context *)buffers->ssl)) {
        if (result != MBEDTLS_ERR_SSL_WANT_WRITE) {
            drop(&buffers->out);
        }
        if (buffers->left == 0 && mbedtls_ssl_get_bytes_avail(buffers->ssl) == 0) {
            drop(&buffers->in);
        }
    }
    return result;
}

int __wrap_mbedtls_ssl_handshake(mbedtls_ssl_context *ssl) {
    return done(of(ssl), __real_mbedtls_ssl_handshake(ssl));
}

int __wrap_mbedtls_ssl_read(mbedtls_ssl_context *ssl, unsigned char *data, size_t len) {
    return done(of(ssl), __real_mbedtls_ssl_read(ssl, data, len));
}

int __wrap_mbedtls_ssl_write(mbedtls_ssl_context *ssl, const unsigned char *data, size_t len) {
    buffers_t *buffers = of(ssl);
    if (buffers != NULL && !take(&buffers->out, LARGEST_OUT)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    return done(buffers, __real_mbedtls_ssl_write(ssl, data, len));
}

int __wrap_mbedtls_ssl_send_alert_message(mbedtls_ssl_context *ssl, unsigned char level, unsigned char message) {
    buffers_t *buffers = of(ssl);
    if (buffers != NULL && !take(&buffers->out, LARGEST_OUT)) {
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    return done(buffers, __real_mbedtls_ssl_send_alert_message(ssl, level, message));
}

void __wrap_mbedtls_ssl_free(mbedtls_ssl_context *ssl) {
    for (buffers_t **place = &all; *place != NULL; place = &(*place)->next) {
        buffers_t *buffers = *place;
        if (buffers->ssl == ssl) {
            drop(&buffers->idle);
            drop(&buffers->in);
            drop(&buffers->out);
            *place = buffers->next;
            free(buffers);
            break;
        }
    }
    __real_mbedtls_ssl_free(ssl);
}
