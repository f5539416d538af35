// The board's end of the I2C socket: requests to the chip, which also owns the clock.
//
// One connection is the board's I2C controller. Time passes on connections of its own, so that a thread that
// sleeps doesn't hold up another one's transfer. A chip that goes away and comes back is found again.

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "py/mpstate.h"
#include "board.h"

#define REQUEST_HEADER (4)
#define REPLY_HEADER (3)
#define MOST_AT_ONCE (64)        // of a request or a reply: then it takes one system call, for time is asked often
#define IDLE_CONNECTIONS (4)

static const char *bus_name;

static pthread_mutex_t controller_lock = PTHREAD_MUTEX_INITIALIZER;
static int controller = -1;
static uint32_t controller_freq;

static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static int idle[IDLE_CONNECTIONS];
static size_t idle_count;

void bus_init(const char *name) {
    bus_name = name;
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        return -1;
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_tcp(const char *host_and_port) {
    char host[256];
    const char *colon = strrchr(host_and_port, ':');
    if (colon == NULL || (size_t)(colon - host_and_port) >= sizeof(host)) {
        return -1;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(colon - host_and_port), host_and_port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) {1}, sizeof(int));
    }
    return fd;
}

// Without signals: a connection that one interrupts can't simply be tried again.
static int bus_connect(void) {
    if (bus_name == NULL) {
        return -1;
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int fd = -1;
    if (strncmp(bus_name, "unix:", 5) == 0) {
        fd = connect_unix(bus_name + 5);
    } else if (strncmp(bus_name, "tcp:", 4) == 0) {
        fd = connect_tcp(bus_name + 4);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fd;
}

// A signal interrupts a system call for the garbage collection of threads, or for Ctrl-C. Only waiting for
// time to pass may be given up for the latter: half a transfer is worse than a late one.
static bool give_up(bool interruptible) {
    return errno != EINTR || (interruptible && MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL);
}

static bool send_all(int fd, const void *data, size_t len, int flags) {
    for (size_t done = 0; done < len;) {
        ssize_t sent = send(fd, (const uint8_t *)data + done, len - done, flags);
        if (sent < 0 && give_up(false)) {
            return false;
        }
        done += sent < 0 ? 0 : (size_t)sent;
    }
    return true;
}

// At least `least` bytes, at most `most`; how many, or -1. These are no sockets of MicroPython's: network.c has no part in it.
static ssize_t receive(int fd, void *data, size_t least, size_t most, bool interruptible) {
    extern ssize_t __real_recv(int fd, void *data, size_t len, int flags);
    size_t done = 0;
    while (done < least) {
        ssize_t got = __real_recv(fd, (uint8_t *)data + done, most - done, 0);
        if (got == 0) {
            errno = ECONNRESET;
            return -1;
        }
        if (got < 0 && give_up(interruptible)) {
            return -1;
        }
        done += got < 0 ? 0 : (size_t)got;
    }
    return done;
}

typedef struct {
    char op;
    uint8_t address;
    uint16_t len;                // of the payload, or of what an `R` asks for
    const uint8_t *payload;
    uint8_t *reply;
    size_t reply_len;
    bool interruptible;
} request_t;

static bool ask(int fd, const request_t *request) {
    uint8_t bytes[REQUEST_HEADER + MOST_AT_ONCE] = {request->op, request->address, request->len >> 8, request->len & 0xff};
    size_t payload_len = request->payload == NULL ? 0 : request->len;
    if (payload_len > MOST_AT_ONCE) {
        return send_all(fd, bytes, REQUEST_HEADER, MSG_MORE) && send_all(fd, request->payload, payload_len, 0);
    }
    if (payload_len > 0) {
        memcpy(bytes + REQUEST_HEADER, request->payload, payload_len);
    }
    return send_all(fd, bytes, REQUEST_HEADER + payload_len, 0);
}

// The reply's status; -1 when the connection is of no use any more. Nobody but the reply comes on it, so that more may be
// read than its header.
static int exchange(int fd, const request_t *request) {
    uint8_t reply[REPLY_HEADER + MOST_AT_ONCE];
    size_t most = REPLY_HEADER + (request->reply_len < MOST_AT_ONCE ? request->reply_len : MOST_AT_ONCE);
    ssize_t got = ask(fd, request) ? receive(fd, reply, REPLY_HEADER, most, request->interruptible) : -1;
    if (got < 0) {
        return -1;
    }
    size_t len = reply[1] << 8 | reply[2], have = got - REPLY_HEADER;
    if (len != (reply[0] == 0 ? request->reply_len : 0) || have > len) {
        return -1;
    }
    if (have > 0) {
        memcpy(request->reply, reply + REPLY_HEADER, have);
    }
    return receive(fd, request->reply + have, len - have, len - have, request->interruptible) < 0 ? -1 : reply[0];
}

static void put_u32(uint8_t *to, uint32_t value) {
    for (int i = 3; i >= 0; --i, value >>= 8) {
        to[i] = value & 0xff;
    }
}

// --- transfers

static int on_controller(uint32_t freq, const request_t *request) {
    if (controller < 0) {
        controller = bus_connect();
        controller_freq = 0;
    }
    int status = controller < 0 ? -1 : 0;
    if (status == 0 && controller_freq != freq) {
        uint8_t payload[4];
        put_u32(payload, freq);
        status = exchange(controller, &(request_t) {.op = 'F', .len = sizeof(payload), .payload = payload});
        controller_freq = freq;
    }
    if (status == 0) {
        status = exchange(controller, request);
    }
    if (status < 0 && controller >= 0) {
        close(controller);
        controller = -1;
    }
    return status;
}

static int transfer(uint32_t freq, const request_t *request) {
    pthread_mutex_lock(&controller_lock);
    bool was_connected = controller >= 0;
    int status = on_controller(freq, request);
    if (status < 0 && was_connected) {
        status = on_controller(freq, request);   // the chip may have been started anew
    }
    pthread_mutex_unlock(&controller_lock);
    clock_forget();
    return status;
}

int bus_write(uint32_t freq, uint8_t address, const uint8_t *data, size_t len) {
    return transfer(freq, &(request_t) {.op = 'W', .address = address, .len = len, .payload = data});
}

int bus_read(uint32_t freq, uint8_t address, uint8_t *data, size_t len) {
    return transfer(freq, &(request_t) {.op = 'R', .address = address, .len = len, .reply = data, .reply_len = len});
}

// --- time

static int take_idle(void) {
    pthread_mutex_lock(&idle_lock);
    int fd = idle_count > 0 ? idle[--idle_count] : -1;
    pthread_mutex_unlock(&idle_lock);
    return fd;
}

static void give_idle(int fd) {
    pthread_mutex_lock(&idle_lock);
    bool kept = idle_count < IDLE_CONNECTIONS;
    if (kept) {
        idle[idle_count++] = fd;
    }
    pthread_mutex_unlock(&idle_lock);
    if (!kept) {
        close(fd);
    }
}

bool bus_pass(uint32_t us, uint64_t *now) {
    uint8_t payload[4], reply[8];
    put_u32(payload, us);
    request_t request = {
        .op = 'T', .len = sizeof(payload), .payload = payload,
        .reply = reply, .reply_len = sizeof(reply), .interruptible = true,
    };
    for (;;) {
        int fd = take_idle();
        bool fresh = fd < 0;
        if (fresh) {
            fd = bus_connect();
        }
        if (fd < 0) {
            return false;
        }
        if (exchange(fd, &request) == 0) {
            give_idle(fd);
            *now = 0;
            for (size_t i = 0; i < sizeof(reply); ++i) {
                *now = *now << 8 | reply[i];
            }
            return true;
        }
        bool interrupted = errno == EINTR;
        close(fd);
        if (fresh || interrupted) {
            return false;
        }
    }
}
