"""Starts the device. As a module of its own, so that whoever imports `device` at the prompt meets the one that runs."""

from rpc import console, serial

console.watch(serial.handle)  # where boot.py is the owner's own, nobody has done that yet
serial.start()  # which does `import device`, whole
