# What the stand-in for AWS IoT needs: Debian's mosquitto, unpacked, and the plugin that makes it ask.
# The Makefile that includes this sets BUILD.

.PHONY: mosquitto
mosquitto: $(BUILD)/simcloud/plugin.so ## fetch the MQTT broker, and build its plugin

MOSQUITTO := $(BUILD)/debian/usr/sbin/mosquitto
CLOUD_PACKAGES := mosquitto mosquitto-clients mosquitto-dev libmosquitto-dev
# The tests let openssl judge what the project makes; most machines have it.
CLOUD_PACKAGES += $(if $(shell command -v openssl),,openssl)

$(MOSQUITTO): boards/SIM/cloud.mk
	@python3 boards/SIM/debian.py binary $(CLOUD_PACKAGES) --into $(BUILD)/debian
	@touch $@

$(BUILD)/simcloud/plugin.so: boards/SIM/simcloud/plugin.c $(MOSQUITTO)
	@echo "build the broker's plugin"
	@mkdir -p $(@D)
	@gcc -std=c11 -O2 -Wall -Wextra -Werror -fPIC -shared -isystem $(BUILD)/debian/usr/include -o $@ $<
