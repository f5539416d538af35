// Time on the board. The chip owns the clock: sleeping passes time there, ticks and the real-time clock are
// read from there. Without a chip the system's clock takes over where the chip's stopped.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include "py/mphal.h"
#include "py/mpthread.h"
#include "py/runtime.h"
#include "shared/timeutils/timeutils.h"
#include "board.h"

#define MILLION (1000000LL)
// Microseconds of the host.
#define LAG (1000)               // that the board's clock may be behind after it has waited for the host
#define AS_GOOD_AS_NEW (50)

static uint64_t host_now(void) {
    extern int __real_clock_gettime(clockid_t id, struct timespec *ts);
    struct timespec ts;
    __real_clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * MILLION + ts.tv_nsec / 1000;
}

// --- one clock from two sources

static struct {
    pthread_mutex_t lock;
    bool from_chip;
    uint64_t last;               // what the source said last
    int64_t shift;               // from the source's time to the board's
    unsigned answers;
} source = {.lock = PTHREAD_MUTEX_INITIALIZER};

static unsigned answers(void) {
    pthread_mutex_lock(&source.lock);
    unsigned n = source.answers;
    pthread_mutex_unlock(&source.lock);
    return n;
}

// The chip's clock starts anew when the chip's program does; the board's goes on. Threads ask at the same time: what one
// was told may be older than what another one has by now. There were `before` answers when it asked.
static uint64_t on_board(bool from_chip, uint64_t now, unsigned before) {
    pthread_mutex_lock(&source.lock);
    bool same = source.last != 0 && from_chip == source.from_chip;
    if (same && now < source.last && before != source.answers) {
        now = source.last;
    } else if (source.last != 0 && (!same || now < source.last)) {
        source.shift += (int64_t)(source.last - now);
    }
    source.from_chip = from_chip;
    source.last = now;
    source.answers += 1;
    uint64_t result = now + source.shift;
    pthread_mutex_unlock(&source.lock);
    return result;
}

// Asking the chip takes two processes a while, and asyncio asks five times in a row. What the chip said is as good as new
// for some microseconds, unless something may have happened in between: a transfer, or a wait for the host.
static struct {
    pthread_mutex_t lock;
    uint64_t now, until;         // the latest on the board's clock, which never goes back; on the host's
    unsigned happened;
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER};

void clock_forget(void) {
    pthread_mutex_lock(&heard.lock);
    heard.until = 0;
    heard.happened += 1;
    pthread_mutex_unlock(&heard.lock);
}

static bool pass(uint32_t us, uint64_t *now) {
    pthread_mutex_lock(&heard.lock);
    unsigned happened = heard.happened;
    pthread_mutex_unlock(&heard.lock);
    unsigned before = answers();
    bool from_chip = bus_pass(us, now);
    *now = on_board(from_chip, from_chip ? *now : host_now(), before);
    pthread_mutex_lock(&heard.lock);
    heard.now = *now = *now > heard.now ? *now : heard.now;
    if (from_chip && happened == heard.happened) {
        heard.until = host_now() + AS_GOOD_AS_NEW;
    }
    pthread_mutex_unlock(&heard.lock);
    return from_chip;
}

uint64_t clock_now(void) {
    pthread_mutex_lock(&heard.lock);
    uint64_t now = heard.now;
    bool known = heard.until > 0 && host_now() < heard.until;
    pthread_mutex_unlock(&heard.lock);
    if (!known) {
        pass(0, &now);
    }
    return now;
}

// --- virtual time passes while real time does not: who waits for some of it must notice

#define NOTICED (MILLION)        // shorter sleeps are noticed by and by
#define MOST_WAITING (32)
#define SETTLE_NS (100000)
#define MOST_SETTLES (100)

static struct {
    pthread_mutex_t lock;
    size_t count;
    pthread_t thread[MOST_WAITING];
} waiting = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void begin_to_wait(void) {
    pthread_mutex_lock(&waiting.lock);
    if (waiting.count < MOST_WAITING) {
        waiting.thread[waiting.count++] = pthread_self();
    }
    pthread_mutex_unlock(&waiting.lock);
}

static void end_to_wait(void) {
    pthread_mutex_lock(&waiting.lock);
    for (size_t i = 0; i < waiting.count; ++i) {
        if (pthread_equal(waiting.thread[i], pthread_self())) {
            waiting.thread[i] = waiting.thread[--waiting.count];
            break;
        }
    }
    pthread_mutex_unlock(&waiting.lock);
}

// Time has passed: the signal ends their poll(), and they have a moment to do what they do then, until all wait again.
static void tell_who_waits(void) {
    pthread_mutex_lock(&waiting.lock);
    size_t before = waiting.count, now = 0;
    for (size_t i = 0; i < before; ++i) {
        pthread_kill(waiting.thread[i], SIGUSR1);
    }
    pthread_mutex_unlock(&waiting.lock);
    for (int i = 0; i < MOST_SETTLES && now < before; ++i) {
        nanosleep(&(struct timespec) {.tv_nsec = SETTLE_NS}, NULL);
        pthread_mutex_lock(&waiting.lock);
        now = waiting.count;
        pthread_mutex_unlock(&waiting.lock);
    }
}

// Ends early when Ctrl-C comes: whoever called handles what is pending.
void clock_sleep(uint64_t us) {
    extern int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
    const uint32_t longest = 4000 * MILLION;
    while (us > 0) {
        uint32_t part = us < longest ? us : longest;
        uint64_t now;
        if (!pass(part, &now)) {
            if (MP_STATE_THREAD(mp_pending_exception) == MP_OBJ_NULL) {
                __real_poll(NULL, 0, (part + 999) / 1000);
            }
            if (MP_STATE_THREAD(mp_pending_exception) != MP_OBJ_NULL) {
                return;
            }
        } else if (part >= NOTICED) {
            tell_who_waits();
        }
        us -= part;
    }
}

// --- what MicroPython calls

mp_uint_t mp_hal_ticks_ms(void) {
    return clock_now() / 1000;
}

mp_uint_t mp_hal_ticks_us(void) {
    return clock_now();
}

void mp_hal_delay_ms(mp_uint_t ms) {
    MP_THREAD_GIL_EXIT();
    clock_sleep(ms * 1000ULL);
    MP_THREAD_GIL_ENTER();
    mp_handle_pending(true);
}

// mp_hal_delay_us() is an inline function of the port, and calls this.
int __wrap_usleep(useconds_t us) {
    clock_sleep(us);
    return 0;
}

// Waiting for a socket, or for another thread, takes real time. A virtual clock would stand still meanwhile, and no
// timeout would come.
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout) {
    extern int __real_poll(struct pollfd *fds, nfds_t n, int timeout);
    if (timeout <= 0) {
        int ready = __real_poll(fds, n, timeout);
        clock_forget();
        return ready;
    }
    uint64_t host = host_now(), board = clock_now();
    begin_to_wait();
    int ready = __real_poll(fds, n, timeout);
    int error = errno;
    end_to_wait();
    clock_forget();
    if (ready < 0 && error == EINTR && clock_now() - board >= (uint64_t)timeout * 1000) {
        return 0;
    }
    int64_t waited = host_now() - host;
    if (waited >= LAG) {
        int64_t lag = waited - (int64_t)(clock_now() - board);
        if (lag >= LAG) {
            clock_sleep(lag);
        }
    }
    errno = error;
    return ready;
}

// --- the real-time clock: the clock, plus what it was set to. At power-up it says 2000-01-01, as an ESP32 does.

// Not older than LAG, for those who ask again and again and need it no finer: each question to the chip takes a tenth of
// that.
static uint64_t clock_lately(void) {
    pthread_mutex_lock(&heard.lock);
    uint64_t now = heard.now;
    bool lately = heard.until > 0 && host_now() + AS_GOOD_AS_NEW < heard.until + LAG;
    pthread_mutex_unlock(&heard.lock);
    return lately ? now : clock_now();
}

static int64_t rtc_ahead;
static bool rtc_is_set;

static int64_t rtc_at(uint64_t now) {
    if (!rtc_is_set) {
        rtc_set(TIMEUTILS_SECONDS_1970_TO_2000 * MILLION);
    }
    return (int64_t)now + rtc_ahead;
}

int64_t rtc_get(void) {
    return rtc_at(clock_now());
}

void rtc_set(int64_t unix_us) {
    rtc_ahead = unix_us - (int64_t)clock_now();
    rtc_is_set = true;
}

int64_t rtc_keep(void) {
    return rtc_get() - (int64_t)source.last;
}

void rtc_restore(int64_t kept) {
    rtc_ahead = kept;
    rtc_is_set = true;
}

// LittleFS stamps a file anew with each piece that is written to it.
uint64_t mp_hal_time_ns(void) {
    return (rtc_at(clock_lately()) - TIMEUTILS_SECONDS_1970_TO_2000 * MILLION) * 1000;
}

// Mbed TLS asks these for the time when it checks a certificate.

int __wrap_gettimeofday(struct timeval *tv, void *tz) {
    (void)tz;
    int64_t now = rtc_get();
    *tv = (struct timeval) {.tv_sec = now / MILLION, .tv_usec = now % MILLION};
    return 0;
}

time_t __wrap_time(time_t *at) {
    time_t now = rtc_get() / MILLION;
    if (at != NULL) {
        *at = now;
    }
    return now;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts) {
    extern int __real_clock_gettime(clockid_t id, struct timespec *ts);
    if (id != CLOCK_REALTIME) {
        return __real_clock_gettime(id, ts);
    }
    int64_t now = rtc_get();
    *ts = (struct timespec) {.tv_sec = now / MILLION, .tv_nsec = now % MILLION * 1000};
    return 0;
}
