"""make broker: an MQTT broker for devices with certificates of a CA of one's own, on this computer, until Ctrl-C.

Its own certificate comes from the same CA, so a device needs to trust no other.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from atecc.errors import AteccError
from atecc.x509.authority import LocalCA
from simcloud import pki
from simcloud.broker import Broker, BrokerError, free_address


def main() -> int:
    options = _arguments()
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda *_: ended.set())
    try:
        ca = LocalCA.load(options.ca_cert, options.ca_key, lambda question: b"")
        with TemporaryDirectory(prefix="atecc-broker-") as folder:
            authority, address = pki.Authority(ca.key, ca.certificate), free_address()
            server = pki.server_certificate(Path(folder), authority, address)
            with Broker(Path(folder), server, options.ca_cert, address=address) as broker:
                print(f"{broker.address}:{broker.port}", flush=True)
                print(_next(options, broker), file=sys.stderr, flush=True)
                ended.wait()
    except (AteccError, BrokerError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


def _next(options: argparse.Namespace, broker: Broker) -> str:
    return (
        "Next, with a board: atecc provision ca "
        f"--ca-cert {options.ca_cert} --ca-key {options.ca_key} --subject /CN=sensor-1 --days 365 "
        f"--broker {broker.address}:{broker.port}\nCtrl-C ends it."
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mybroker", description=__doc__)
    parser.add_argument("ca_cert", type=Path, metavar="CA", help="the CA's certificate")
    parser.add_argument("ca_key", type=Path, metavar="KEY", help="its key, without a password")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
