"""`mos` as somebody types it: the commands of the pages, carried out by the stand-in for Mongoose OS's client."""

import argparse
import sys
from urllib.parse import urlsplit

from foreign_rpc.mos import Channel, Mos
from foreign_rpc.serialchannel import SerialChannel
from foreign_rpc.websocket import WebSocket


def main() -> int:
    parser = argparse.ArgumentParser(prog="mos")
    parser.add_argument("--port", required=True)
    parser.add_argument("--rpc-creds", default="")
    parser.add_argument("--subject", default="")
    parser.add_argument("--dry-run", default="true")
    parser.add_argument("-l", action="store_true")
    parser.add_argument("command", choices=["atca-get-config", "atca-gen-csr", "ls"])
    parser.add_argument("slot", nargs="?", type=int)
    typed = parser.parse_args()
    user, _, password = typed.rpc_creds.partition(":")
    with Mos(_channel(typed.port), user, password) as mos:
        if typed.command == "atca-get-config":
            print(mos.atca_get_config().hex())
        elif typed.command == "ls":
            print(*(mos.ls_l() if typed.l else mos.ls()), sep="\n")
        elif typed.slot is None or not typed.subject.startswith("CN="):
            parser.error("atca-gen-csr takes a slot, and a subject with a CN: the client stops without")
        elif typed.dry_run == "false":
            print(mos.atca_gen_csr(typed.slot, typed.subject.removeprefix("CN=")).subject.rfc4514_string())
    return 0


def _channel(port: str) -> Channel:
    if "://" not in port:
        return SerialChannel(port)
    address = urlsplit(port)
    assert address.hostname and address.port
    return WebSocket(address.hostname, address.port)


if __name__ == "__main__":
    sys.exit(main())
