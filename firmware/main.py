"""Starts the device: chip, identities, MQTT link, RPC. Then the REPL is free, which is the RPC's serial channel."""

import machine

import board
from atecc608 import ATECC608
from identity.store import Store
from link.link import Link
from rpc import serial
from rpc.dispatcher import Dispatcher
from rpc.services.atecc import ATCA
from rpc.services.identity import Identity
from rpc.services.mqtt import MQTT
from rpc.services.system import Sys


def open_i2c(freq):
    return machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA), freq=freq)


chip = ATECC608(open_i2c, board.I2C_HZ, board.ATECC_ADDRESS)
# Not /identity: a folder of that name would hide the package.
store = Store(chip, "/identities", board.KEY_SLOTS)
link = Link(chip)


def device_id():
    """The name of the active identity; before there is one, the board's own."""
    active = store.active
    return store.get(active)["name"] if active else "atecc-" + machine.unique_id().hex()


dispatcher = Dispatcher(device_id)
for service in (Sys(device_id), ATCA(chip, store), Identity(store, link, chip), MQTT(store, link)):
    dispatcher.add(service.methods())
serial.serve(dispatcher)

if store.active:
    link.start(store.get(store.active))
