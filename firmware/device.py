"""The device, put together: chip, identities, MQTT link, RPC and its channels. Importing it starts it.

What is here only puts together; all that has an effect is in `_start`, which runs in a thread of its own, for Ctrl-C
interrupts the main one only: whoever comes to the prompt in the middle finds it, and the device starts all the same.
"""

import binascii
import gc
import time

import machine
from micropython import const

import board
import lazily
import threads
from atecc608 import ATECC608
from folder import Folder
from identity.certificate import Certificate
from identity.store import NAMES, Store
from link import clock
from link.link import Link
from link.errors import LinkError
from link.wifi import Station
from rpc.access import Access
from rpc.dispatcher import Dispatcher
from rpc.remote import Remote
from rpc.web.server import Server
from rpc.web.tls import DeviceTLS
from rpc.workers import Workers
from settings import Settings

try:
    from network import hostname
except ImportError:  # a board without a network
    hostname = None

# The self-check waits so long for what it tells of, in pieces.
_ADOPTION_MS = const(3000)
_TICK_MS = const(10)

# Collected early and often, memory stays in large pieces: without this the same work needs 15 KB more of it. With PSRAM
# that is not worth the time.
if gc.mem_free() < 512 * 1024:
    gc.threshold(4096)


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
link = Link(chip, store.current)
access = Access("/access")


def device_id():
    """The name of the active identity; before there is one, the configured one, or the board's own."""
    return store.name or settings.get("device.id")


def bench():
    return access.bench


def adopted_files():
    return lazily.load("identity.adopt").files(settings.get)


def secure_port():
    return settings.get("rpc.wss.port") if settings.get("rpc.wss.enable") else None


def refuse_own_ca(ca):
    lazily.load("rpc.operators").refuse_issuer(ca, (store.get(name) for name in NAMES), chip.Verify)


def is_own(name):
    """Whether `name` (in small letters) is this device's: its own, one in its certificate, or its name on Wi-Fi."""
    bare = name[: -len(".local")] if name.endswith(".local") else name
    if bare == device_id().lower() or (hostname and bare == hostname().lower()):
        return True
    record = store.current()
    return bool(record) and Certificate(binascii.a2b_base64(record["certificate"])).is_for(name)


workers = Workers()
dispatcher = Dispatcher(device_id, bench)
tls = DeviceTLS(chip, store, access)
web = Server(dispatcher, access, workers, tls, secure_port, is_own, board.LISTEN, board.CONNECTIONS)
access.changed = settings.changed = web.refresh


def check():
    return lazily.load("selfcheck").run(chip, store)


def requests():
    """RPC over MQTT."""
    from rpc.counters import Counters
    from rpc.mqtt import Channel
    from rpc.signed import Seal
    from rpc.verify import Operators

    operators = Operators(chip, access, Counters("/counters"), clock.is_sure)
    return Channel(dispatcher, link, workers, settings.get, operators, Seal(chip, store))


remote = Remote(settings.get, requests)


def ways_in():
    return web.status() | {"mqtt": remote.status()}


def offer(name, module, *parts):
    """Let the dispatcher have the service `name` of rpc/services, made of `parts`."""
    dispatcher.offer(name, lambda: getattr(lazily.load("rpc.services." + module), name)(*parts))


offer("Sys", "system", device_id, check, bench)
offer("ATCA", "atecc", chip, store, bench)
offer("Identity", "identity", store, link, bench, web.refresh)
offer("MQTT", "mqtt", store, link)
offer("Access", "access", access, ways_in, refuse_own_ca)
offer("Config", "config", settings, bench)
offer("FS", "files", files, adopted_files, bench)
offer("Wifi", "wifi", station, settings)
handle = dispatcher.handle  # for whoever is at the cable, once every service is there
link.serve(remote)


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
        clock.vouch(Certificate(binascii.a2b_base64(record["certificate"])).not_before)


def _connect():
    if store.active and settings.get("mqtt.enable"):
        link.start()


_STEPS = (_adopt, _join, web.start, _connect)


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


trouble = []  # what was wrong at the start, for whoever asks at the prompt
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
    lazily.load("selfcheck").report(chip, store)
except KeyboardInterrupt:
    pass  # the import would have failed, and the device would start again beside itself
