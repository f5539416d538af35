"""HTTPS with the chip's key as the client's: /device.pem is for the key in slot 0, /ca.pem has signed the server's."""

import socket

from atecc608 import ATECC608
from atecc608.context import SSLContext
from machine import I2C, Pin

HOST, PORT = "localhost", 8443


def read(path):
    with open(path, "rb") as f:
        return f.read()


def get(path, host=HOST, port=PORT):
    chip = ATECC608(I2C(0, scl=Pin(22), sda=Pin(21), freq=100_000))
    context = SSLContext(chip, slot=0, certificate=read("/device.pem"), cas=read("/ca.pem"))
    plain = socket.socket()
    plain.connect(socket.getaddrinfo(host, port)[0][-1])
    secured = context.wrap_socket(plain, server_hostname=host)
    secured.write(b"GET %s HTTP/1.0\r\nHost: %s\r\n\r\n" % (path.encode(), host.encode()))
    answer = secured.read()
    secured.close()
    return answer.partition(b"\r\n\r\n")[2]
