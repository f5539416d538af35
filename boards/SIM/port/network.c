// The network as lwIP gives it to a board: few sockets, a backlog that is kept to the letter, a port that is free again
// after a reset. The host's network carries it, but nobody outside the host gets to the board.
//
// MicroPython's sockets are the unix port's; the linker leads these calls here (mpconfigvariant.mk). A reset closes all of
// them (board.c).

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "board.h"

// ESP-IDF's CONFIG_LWIP_MAX_SOCKETS, which MicroPython's ESP32 port leaves as it is.
#define MOST_SOCKETS (10)
#define MOST_DESCRIPTORS (1024)
#define FIRST_NUMBER (64)

static int64_t now_ms(void) {
    extern int __real_clock_gettime(clockid_t clock, struct timespec *now);
    struct timespec now;
    __real_clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

// The sockets of the I2C bus are closed on exec, MicroPython's are not.
static bool is_the_boards(int fd) {
    struct stat st;
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && !(flags & FD_CLOEXEC) && fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

// A port closes a socket once, however often it is asked to (ESP32: fd = -1); the unix port closes whatever has got its
// number since. So a number is not given again for long.
static int numbered(int fd) {
    static int next = FIRST_NUMBER;
    int own = fcntl(fd, F_DUPFD, next);
    if (own < 0) {
        return fd;
    }
    next = own + 1 < MOST_DESCRIPTORS ? own + 1 : FIRST_NUMBER;
    close(fd);
    return own;
}

// One that is there already beyond the limit is closed, with lwIP's error.
static int within_limit(int new_fd) {
    int count = 0;
    for (int fd = STDERR_FILENO + 1; new_fd >= 0 && fd < MOST_DESCRIPTORS; ++fd) {
        count += is_the_boards(fd);
    }
    if (count <= MOST_SOCKETS) {
        return new_fd < 0 ? new_fd : numbered(new_fd);
    }
    close(new_fd);
    errno = ENFILE;
    return -1;
}

int __wrap_socket(int domain, int type, int protocol) {
    extern int __real_socket(int domain, int type, int protocol);
    int fd = __real_socket(domain, type, protocol);
    return type & SOCK_CLOEXEC ? fd : within_limit(fd);
}

int __wrap_accept(int fd, struct sockaddr *address, socklen_t *len) {
    extern int __real_accept(int fd, struct sockaddr *address, socklen_t *len);
    return within_limit(__real_accept(fd, address, len));
}

// The garbage collector interrupts other threads with a signal, after which Linux, unlike lwIP, would count a timeout anew.
static bool wait_to_read(int fd) {
    extern int __real_poll(struct pollfd *fds, nfds_t count, int ms);
    struct timeval limit = {0};
    if (getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &(socklen_t) {sizeof(limit)}) != 0
        || fcntl(fd, F_GETFL) & O_NONBLOCK) {
        return true;
    }
    int64_t left = limit.tv_sec * 1000LL + limit.tv_usec / 1000;
    int64_t end = now_ms() + left;
    int ready = left == 0;
    while (ready <= 0 && left > 0) {
        ready = __real_poll(&(struct pollfd) {.fd = fd, .events = POLLIN}, 1, left);
        if (ready < 0 && errno != EINTR) {
            return true;     // reading tells what it is
        }
        left = end - now_ms();
    }
    errno = ETIMEDOUT;
    return ready > 0;
}

ssize_t __wrap_read(int fd, void *data, size_t len) {
    extern ssize_t __real_read(int fd, void *data, size_t len);
    ssize_t got = wait_to_read(fd) ? __real_read(fd, data, len) : -1;
    clock_forget();
    return got;
}

ssize_t __wrap_recv(int fd, void *data, size_t len, int flags) {
    extern ssize_t __real_recv(int fd, void *data, size_t len, int flags);
    ssize_t got = wait_to_read(fd) ? __real_recv(fd, data, len, flags) : -1;
    clock_forget();
    return got;
}

// "Any address" is the loopback's.
static void stay_inside(struct sockaddr_storage *address) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    if (address->ss_family == AF_INET && v4->sin_addr.s_addr == htonl(INADDR_ANY)) {
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) {
        v6->sin6_addr = in6addr_loopback;
    }
}

// lwIP forgets its connections with a reset; the host's system remembers them for a minute.
int __wrap_bind(int fd, const struct sockaddr *asked, socklen_t len) {
    extern int __real_bind(int fd, const struct sockaddr *address, socklen_t len);
    int type = 0;
    struct sockaddr_storage address = {0};
    if (len > sizeof(address) || getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t) {sizeof(type)}) != 0
        || type != SOCK_STREAM) {
        return __real_bind(fd, asked, len);
    }
    memcpy(&address, asked, len);
    stay_inside(&address);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) {1}, sizeof(int));
    return __real_bind(fd, (struct sockaddr *)&address, len);
}

// Linux lets one more wait than it is told; lwIP one at least, 255 at most.
int __wrap_listen(int fd, int backlog) {
    extern int __real_listen(int fd, int backlog);
    int waiting = backlog < 1 ? 1 : backlog > 255 ? 255 : backlog;
    return __real_listen(fd, waiting - 1);
}
