# What the stand-in for AWS IoT needs: Debian's mosquitto, unpacked, and the plugin that makes it ask.
# Included by the top Makefile, which sets BUILD.

MOSQUITTO := $(BUILD)/root/usr/sbin/mosquitto
CLOUD_PLUGIN := $(BUILD)/simcloud/plugin.so
CLOUD_PACKAGES := mosquitto mosquitto-clients mosquitto-dev libmosquitto-dev

cloud-parts: $(CLOUD_PLUGIN)  ## fetch mosquitto and build its plugin
.PHONY: cloud-parts

$(MOSQUITTO): boards/SIM/cloud.mk
	python3 boards/SIM/debian.py binary $(CLOUD_PACKAGES) --into $(BUILD)/root
	touch $@

$(CLOUD_PLUGIN): boards/SIM/simcloud/plugin.c $(MOSQUITTO)
	mkdir -p $(@D)
	gcc -std=c11 -O2 -Wall -Wextra -Werror -fPIC -shared -isystem $(BUILD)/root/usr/include -o $@ $<
