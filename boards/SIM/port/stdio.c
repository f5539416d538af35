// sys.stdin and sys.stdout are the boards' own, on top of the console. They ask the port whether there is input; the
// unix port has nothing of that name, and says so with a macro.

#include <poll.h>
#include <stdint.h>
#include <unistd.h>

#include "py/mphal.h"
#include "py/ringbuf.h"
#include "py/stream.h"

#undef mp_hal_stdio_poll
static uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    extern int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    extern ringbuf_t stdin_ringbuf;
    bool readable = (flags & MP_STREAM_POLL_RD) && (ringbuf_peek(&stdin_ringbuf) != -1 || __real_poll(&fd, 1, 0) > 0);
    return (readable ? MP_STREAM_POLL_RD : 0) | (flags & MP_STREAM_POLL_WR);
}

#include "shared/runtime/sys_stdio_mphal.c"
