"""What commands import, for `ready`: imported by its server, once."""

import contextlib
import gc
import pkgutil
from importlib import import_module

import atecc

NOT_HERE = ("atecc.flashing.worker",)  # a program of its own
for found in pkgutil.walk_packages(atecc.__path__, "atecc."):
    if found.name not in NOT_HERE and not found.name.endswith("__main__") and ".functions." not in found.name:
        with contextlib.suppress(ImportError):
            import_module(found.name)
for name in ("ready", "awsdata", "boto3", "botocore.client", "botocore.auth", "paho.mqtt.client",
             "websockets.sync.client", "rich.table", "mpremote.transport_serial", "cryptography.x509"):  # fmt: skip
    import_module(name)
import_module("boto3").Session().client("iot", "eu-west-1")  # what it reads is read
gc.freeze()  # what is here stays, and is not copied into each fork by looking at it
