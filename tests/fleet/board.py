"""The code for a board that is many devices: each with a chip, a store, a link and a listener of its own, all real.

What a device has besides (the RPC, the settings' file) is left out: a board has that once.
"""

DEVICES = """
import _thread, sys
import machine, board
from atecc608 import ATECC608
from identity.store import Store
from identity.terms import OWNER
from link import clock
from link.link import Link
from renewal.listener import Listener

class Nobody:
    on = False
    topics = staticmethod(lambda name: [])
    take = staticmethod(lambda topic, message: True)

class settings:
    get = {"aws.jobs": True, "aws.renew": 0, "aws.template": ""}.get

class web:
    refresh = staticmethod(lambda: None)

def open_i2c(freq):
    return machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA), freq=freq)

bus = _thread.allocate_lock()

class Device:
    settings, web = settings, web
    def __init__(self, number, name):
        self.name = name
        self.chip = ATECC608(open_i2c, board.I2C_HZ, given["address"] + number)
        self.chip._lock = bus  # virtual time is all chips' own: one would sleep while another works
        self.store = Store(self.chip, "/%d" % number, (0, 1))
        self.link = Link(self.chip, self.store.current, Nobody)
    def begin(self):
        self.begun = self.store.begin([[["CN", self.name]]], asker=OWNER)
        return self.begun["csr"].hex()
    def commit(self, certificate):
        where = {"name": self.name, "client_id": self.name, "endpoint": given["host"], "port": given["port"]}
        certificate = bytes.fromhex(certificate)
        self.store.stage(self.begun["token"], certificate, [bytes.fromhex(given["ca"])], **where)
        self.store.commit(self.begun["token"], untried=True, asker=OWNER)
    def start(self):
        self.listener = Listener(self)
        self.listener.refresh()
        self.link.start()

clock.set_time(given["now"])
fleet = [Device(number, name) for number, name in enumerate(given["names"])]
sys.modules["fleet"] = fleet
"""
BEGIN = "[one.begin() for one in __import__('sys').modules['fleet']]"
COMMIT = "for one, certificate in zip(__import__('sys').modules['fleet'], given): one.commit(certificate)"
START = "for one in __import__('sys').modules['fleet']: one.start()"
# Somebody at the cable provisions something else, and is not done.
FAIL = """
import sys
from identity.terms import OWNER
sys.modules["fleet"][given["number"]].store.begin([[["CN", "another"]]], asker=OWNER)
"""
SEEN = """[
    [
        one.name, one.link.state, one.store.active,
        __import__("hashlib").sha256(
            __import__("binascii").a2b_base64(one.store.current()["certificate"])
        ).digest().hex(),
    ]
    for one in __import__("sys").modules["fleet"]
]"""
