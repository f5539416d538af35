"""A command from the cloud: {"on": true} to NAME/lamp switches a lamp; NAME/lamp/state tells how it is."""

import json

import atecc
import machine

lamp = machine.Pin(2, machine.Pin.OUT)


def switch(topic, message):
    try:
        lamp.value(bool(json.loads(message)["on"]))
    except (ValueError, KeyError, TypeError):
        atecc.log("not understood: %s" % message)
    atecc.publish(topic + "/state", {"on": bool(lamp.value())})


def main():
    atecc.subscribe("lamp", switch)
