"""The device, put together: chip, identities, MQTT link, RPC and its channels. Importing it starts it."""

import gc

import machine

import board
import selfcheck
from atecc608 import ATECC608
from folder import Folder
from identity import adopt
from identity.store import NAMES, Store
from link import clock
from link.link import Link
from link.errors import LinkError
from link.wifi import Station
from rpc import mqtt
from rpc.access import Access
from rpc.dispatcher import Dispatcher
from rpc.counters import Counters
from rpc.operators import Operators, refuse_issuer
from rpc.services import access as access_service
from rpc.services.atecc import ATCA
from rpc.services.config import Config
from rpc.services.files import FS
from rpc.services.identity import Identity
from rpc.services.mqtt import MQTT
from rpc.services.system import Sys
from rpc.services.wifi import Wifi
from rpc.signed import Seal
from rpc.web.server import Server
from rpc.web.tls import DeviceTLS
from rpc.workers import Workers
from settings import Settings

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
    return adopt.files(settings.get)


def secure_port():
    return settings.get("rpc.wss.port") if settings.get("rpc.wss.enable") else None


def refuse_own_ca(ca):
    refuse_issuer(ca, (store.get(name) for name in NAMES), chip.Verify)


workers = Workers()
dispatcher = Dispatcher(device_id, bench)
tls = DeviceTLS(chip, store, access)
web = Server(dispatcher, access, workers, tls, secure_port, board.LISTEN, board.CONNECTIONS)
access.changed = settings.changed = web.refresh
operators = Operators(chip, access, Counters("/counters"))
channel = mqtt.Channel(dispatcher, link, workers, settings.get, operators, Seal(chip, store))


def ways_in():
    return web.status() | {"mqtt": channel.status()}


for service in (
    Sys(device_id, lambda: selfcheck.run(chip, store)),
    ATCA(chip, store, bench),
    Identity(store, link, bench, web.refresh),
    MQTT(store, link),
    access_service.Access(access, ways_in, refuse_own_ca),
    Config(settings, bench),
    FS(files, adopted_files, bench),
    Wifi(station, settings),
):
    dispatcher.add(service)
handle = dispatcher.handle  # for whoever is at the cable, once every service is there
selfcheck.report(chip, store)


def join():
    """Wi-Fi, as configured; what can't be is told by Wifi.Status."""
    if settings.get("wifi.sta.enable"):
        try:
            station.start(settings.get("wifi.sta.ssid"), settings.get("wifi.sta.pass"))
        except LinkError:
            pass


join()
adoption = adopt.adopt(store, settings.get, lambda name: files.read(name)[0])
link.serve(channel)
web.start()

if store.active and settings.get("mqtt.enable"):
    link.start()
