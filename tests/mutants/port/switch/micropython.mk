SRC_USERMOD_LIB_C += $(USERMOD_DIR)/switch.c
LDFLAGS_USERMOD += -Wl,--wrap=mp_find_frozen_module
