"""The device, put together: chip, identities, MQTT link, RPC and its channels. Importing it starts it.

What is here only puts together; all that has an effect is in `_start`, which runs in a thread of its own, for Ctrl-C
interrupts the main one only: whoever comes to the prompt in the middle finds it, and the device starts all the same.
"""

import binascii
import gc
import sys
import time

import machine
from micropython import const

import board
import lazily
import threads
from atecc608 import ATECC608
from folder import Folder
from identity.store import Store
from identity.terms import read_certificate
from link import clock
from link.link import Link
from link.errors import LinkError
from link.wifi import Station
from rpc.access import Access
from rpc.desk import Desk
from rpc.remote import Remote
from rpc.web.doors import Doors
from settings import Settings

# The self-check waits so long for what it tells of, in pieces.
_ADOPTION_MS = const(3000)
_TICK_MS = const(10)

# Collected early and often, memory stays in large pieces: without this the same work needs 15 KB more of some 130.
# Where there is more, it need not be as often. What an application will hold of it isn't known here: twice as seldom,
# and one that holds all it can get leaves the link too little for its TLS now and then.
gc.threshold((gc.mem_alloc() + gc.mem_free()) // 64)


def open_i2c(freq):
    return machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA), freq=freq)


chip = ATECC608(open_i2c, board.I2C_HZ, board.ATECC_ADDRESS)
# Not /identity, not /settings: a folder of that name would hide what is imported by it, at the next start.
store = Store(chip, "/identities", board.KEY_SLOTS)
settings = Settings("/config", {"device.id": "atecc-" + machine.unique_id().hex()})
clock.begin("/clock")
clock.server = settings.get("sntp.server")
files = Folder("/files")
station = Station()
access = Access("/access")


def device_id():
    """The name of the active identity; before there is one, the configured one, or the board's own."""
    return store.name or settings.get("device.id")


def bench():
    return access.bench


def secure_port():
    return settings.get("rpc.wss.port") if settings.get("rpc.wss.enable") else None


def workers():
    """The Workers of all channels, which the first one to ask for them makes."""
    if not _workers:
        _workers.append(lazily.keep("rpc.workers").Workers())
    return _workers[0]


def _requests():
    """RPC over MQTT."""
    counters = lazily.keep("rpc.counters").Counters("/counters")
    operators = lazily.keep("rpc.verify").Operators(chip, access, counters, clock.is_sure)
    seal = lazily.keep("rpc.signed").Seal(chip, store)
    return lazily.keep("rpc.mqtt").Channel(dispatcher, link, workers(), settings.get, operators, seal)


def _server(doors):
    return lazily.keep("rpc.web.made").server(_device, doors)


def _changed():
    web.refresh()
    _listen()


def _listen():
    """For jobs of AWS IoT, and for the day when the certificate is to be renewed: if the owner wants that, or AWS does
    not know yet of what was renewed."""
    if not renewal and (settings.get("aws.jobs") or settings.get("aws.renew") or store.untold):
        renewal.append(lazily.keep("renewal.listener").Listener(_device))
    if renewal:
        renewal[0].refresh()


_device = sys.modules[__name__]
_workers = []
dispatcher = Desk(lambda waiting: lazily.load("rpc.services.all").dispatcher(_device, waiting))
handle = dispatcher.handle  # for whoever is at the cable
web = Doors(access, store, secure_port, _server)
access.changed = web.refresh
settings.changed = _changed
remote = Remote(settings.get, _requests)
link = Link(chip, store.current, remote)


def _join():
    """Wi-Fi, as configured; what can't be is told by Wifi.Status."""
    if settings.get("wifi.sta.enable"):
        try:
            station.start(settings.get("wifi.sta.ssid"), settings.get("wifi.sta.pass"))
        except LinkError:
            pass


def _adopt():
    lazily.load("identity.adopt").adopt(store, settings.get, lambda name: files.read(name)[0])
    record = store.current()
    if record and record.get("adopted"):
        clock.vouch(read_certificate(binascii.a2b_base64(record["certificate"])).not_before)


def _connect():
    if store.active and settings.get("mqtt.enable"):
        link.start()


def use_claim():
    lazily.load("renewal.claim").use(_device)


def _claim():
    if not store.active:
        use_claim()


def _begin():
    """The owner's programs, last, when the self-check has loaded what it looks at, and let go of it."""
    for _ in range(_ADOPTION_MS // _TICK_MS):
        if _checked:
            break
        threads.pause(_TICK_MS)
    application = lazily.load("application")
    for path in application.sources(is_frozen()):
        program = application.Application(path)
        programs.append(program)
        if threads.beside:
            program.begin()


def is_frozen():
    return not __file__.startswith("/")


_STEPS = (_adopt, _join, web.start, _listen, _connect, _claim, _begin)


def _start():
    for step in _STEPS:
        try:
            step()
        except Exception as e:
            trouble.append(e)
        _taken.append(step)


def is_started():
    """Whether all steps of the start have been taken, well or not (`trouble`)."""
    return len(_taken) == len(_STEPS)


renewal = []  # the listener (renewal/listener.py), once there is one
claims = []  # the claim that was used last (renewal/claim.py), if there was one
programs = []  # the owner's (application.py)
trouble = []  # what was wrong at the start, for whoever asks at the prompt
_checked = []  # whether the self-check has been made
_taken = []  # the steps of the start that have been taken
try:
    threads.start(threads.REQUEST, _start)
except MemoryError:
    _start()
try:
    for _ in range(_ADOPTION_MS // _TICK_MS):
        if _taken:
            break
        time.sleep_ms(_TICK_MS)  # the self-check tells whether it went well
    if machine.reset_cause() != getattr(machine, "DEEPSLEEP_RESET", None):  # who only slept is in a hurry
        lazily.load("selfcheck").report(chip, store)
    _checked.append(True)
except KeyboardInterrupt:
    pass  # the import would have failed, and the device would start again beside itself
