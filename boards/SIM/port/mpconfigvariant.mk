# A variant of MicroPython's unix port that behaves as a microcontroller board.

# The raw REPL of the boards; the unix port's own main loop has none.
SHARED_SRC_C_EXTRA += runtime/pyexec.c

# The host's files are out of reach: MicroPython's reader of files is the one of its own filesystems.
$(BUILD)/py/reader.o: CFLAGS += -Dmp_reader_new_file=mp_reader_new_host_file

# What holds the heap back on all boards.
SRC_C += heap.c
vpath heap.c $(VARIANT_DIR)/../../common

# What the firmware asks of a board's TLS.
MICROPY_PY_SSL_ECDSA_SIGN_ALT = 1
MBEDTLS_CONFIG_FILE = \"mbedtls_board.h\"
SRC_THIRDPARTY_C += lib/mbedtls/library/memory_buffer_alloc.c

# A board has threads with a GIL. The port's own switch turns the GIL off, so mpconfigboard.h says both.
MICROPY_PY_THREAD = 0
LDFLAGS_EXTRA += -lpthread

# A board has none of these.
MICROPY_PY_BTREE = 0
MICROPY_PY_FFI = 0
MICROPY_PY_TERMIOS = 0
MICROPY_VFS_LFS1 = 0

# The port's settings, then ours on top of them.
CFLAGS_EXTRA += -DMP_CONFIGFILE='"mpconfigboard.h"'
QSTR_GLOBAL_DEPENDENCIES += $(VARIANT_DIR)/mpconfigboard.h

# A newer compiler's new warnings in MicroPython's or Mbed TLS's sources don't stop the build.
CFLAGS_EXTRA += -Wno-error

# Time is in clock.c, the console in console.c, sockets in network.c, the size of stacks in threads.c, TLS's memory in
# idfheap.c and tlsbuffers.c.
comma := ,
WRAPPED = time gettimeofday clock_gettime usleep poll mp_thread_create mp_hal_set_interrupt_char mp_hal_stdin_rx_chr \
	mp_hal_stdout_tx_strn mp_hal_stdout_tx_strn_cooked mp_hal_stdout_tx_str sem_wait \
	socket accept bind listen read recv mbedtls_calloc mbedtls_free gc_get_max_new_split \
	$(addprefix mbedtls_ssl_,setup set_bio handshake read write send_alert_message free)
LDFLAGS_EXTRA += $(WRAPPED:%=-Wl$(comma)--wrap=%)
