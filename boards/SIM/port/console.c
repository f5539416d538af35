// The serial port, as a board's interrupt handler sees it: a thread takes each character when it arrives. The one
// that interrupts raises KeyboardInterrupt there and then; the others wait in a pipe, which is standard input.

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/ringbuf.h"
#include "py/runtime.h"
#include "extmod/misc.h"
#include "board.h"

#define NUDGE SIGUSR1            // ends a system call of the main thread, so that it sees what is pending
#define NUDGE_AGAIN_MS (10)

static console_t console;
static pthread_t main_thread;
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
// What os.dupterm_notify() has taken from a duplicate terminal; nothing else asks that what it has to say.
static uint8_t typed[260];
ringbuf_t stdin_ringbuf = {typed, sizeof(typed), 0, 0};

int mp_interrupt_char = -1;    // os_dupterm.c asks for it by its name

void __wrap_mp_hal_set_interrupt_char(char c) {
    mp_interrupt_char = (signed char)c;
}

int __wrap_mp_hal_stdin_rx_chr(void) {
    int waiting = ringbuf_get(&stdin_ringbuf);
    if (waiting != -1) {
        return waiting;
    }
    unsigned char c;
    ssize_t got;
    MP_HAL_RETRY_SYSCALL(got, read(STDIN_FILENO, &c, 1), {});
    if (got != 1) {
        exit(1);
    }
    return c;
}

mp_uint_t __wrap_mp_hal_stdout_tx_strn(const char *data, size_t len) {
    for (size_t done = 0; done < len;) {
        ssize_t written;
        MP_HAL_RETRY_SYSCALL(written, write(STDOUT_FILENO, data + done, len - done), {});
        if (written < 0) {
            exit(1);
        }
        done += written;
    }
    // As on ESP32: a duplicate terminal hears it as well, and may take its time.
    int duplicated = mp_os_dupterm_tx_strn(data, len);
    return duplicated >= 0 && (size_t)duplicated < len ? (size_t)duplicated : len;
}

void __wrap_mp_hal_stdout_tx_str(const char *text) {
    __wrap_mp_hal_stdout_tx_strn(text, strlen(text));
}

// A line ends with CR LF.
void __wrap_mp_hal_stdout_tx_strn_cooked(const char *data, size_t len) {
    while (len > 0) {
        const char *newline = memchr(data, '\n', len);
        size_t line = newline == NULL ? len : (size_t)(newline - data);
        __wrap_mp_hal_stdout_tx_strn(data, line);
        if (newline != NULL) {
            __wrap_mp_hal_stdout_tx_strn("\r\n", 2);
            line += 1;
        }
        data += line;
        len -= line;
    }
}

static void nudge(int signal) {
    (void)signal;
}

// The garbage collector waits like this for the other threads, and must not go on without them.
int __wrap_sem_wait(sem_t *semaphore) {
    extern int __real_sem_wait(sem_t *semaphore);
    int result;
    do {
        result = __real_sem_wait(semaphore);
    } while (result != 0 && errno == EINTR);
    return result;
}

// What doesn't fit any more is lost, as on a board.
static void keep(const char *data, size_t len) {
    ssize_t kept = write(console.input, data, len);
    (void)kept;
}

static void arrive(const char *data, size_t len) {
    size_t from = 0;
    for (size_t i = 0; i < len; ++i) {
        if ((unsigned char)data[i] == mp_interrupt_char) {
            keep(data + from, i - from);
            from = i + 1;
            mp_sched_keyboard_interrupt();
            pthread_kill(main_thread, NUDGE);
        }
    }
    keep(data + from, len - from);
}

// The pipe's other end may be closed only with the process: without a host there is no power.
static void receive(void) {
    char data[1024];
    pthread_mutex_lock(&reading);
    ssize_t len = read(console.serial, data, sizeof(data));
    if (len == 0 || (len < 0 && errno != EINTR && errno != EAGAIN)) {
        _exit(0);
    }
    if (len > 0) {
        arrive(data, len);
    }
    pthread_mutex_unlock(&reading);
}

static void *listener(void *unused) {
    struct pollfd fd = {.fd = console.serial, .events = POLLIN};
    extern int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
    for (;;) {
        bool pending = MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL;
        if (__real_poll(&fd, 1, pending ? NUDGE_AGAIN_MS : -1) > 0) {
            receive();
        } else if (pending) {
            pthread_kill(main_thread, NUDGE);    // it may have been about to enter the system call
        }
    }
    return unused;
}

static void make_pipe(void) {
    int ends[2];
    if (pipe(ends) != 0) {
        exit(1);
    }
    console = (console_t) {.serial = dup(STDIN_FILENO), .input = ends[1]};
    fcntl(console.input, F_SETFL, O_NONBLOCK);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
}

void console_init(console_t kept) {
    console = kept;
    if (console.serial < 0) {
        make_pipe();
    }
    main_thread = pthread_self();
    sigaction(NUDGE, &(struct sigaction) {.sa_handler = nudge}, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);     // the listener gets no signals
    pthread_t thread;
    if (pthread_create(&thread, NULL, listener, NULL) != 0) {
        exit(1);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

console_t console_stop(void) {
    pthread_mutex_lock(&reading);
    return console;
}
