"""`python -m simcloud` runs the stand-in in the foreground until Ctrl-C."""

import argparse
import signal
import sys
import threading
from pathlib import Path

from simcloud.broker import BrokerError
from simcloud.cloud import REGION, Cloud
from simcloud.journal import Decision


def main() -> None:
    options = arguments()
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    try:
        with Cloud(
            options.directory,
            address=options.address,
            api_port=options.port,
            region=options.region,
            listener=lambda decision: show(decision, options.verbose),
        ) as cloud:
            introduce(cloud)
            while not ended.wait(0.2):
                pass
    except (BrokerError, OSError) as problem:
        sys.exit(f"simcloud: {problem}")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="simcloud", description="A stand-in for AWS IoT on loopback. Nothing of it outlives Ctrl-C."
    )
    parser.add_argument("--directory", type=Path, help="where its files go (a temporary directory)")
    parser.add_argument("--address", help="the broker's loopback address (a random one); its port is 8883")
    parser.add_argument("--port", type=int, default=0, help="the API's port (a random one)")
    parser.add_argument("--region", default=REGION, help="the AWS region to be (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="also show each message delivered")
    return parser.parse_args()


def introduce(cloud: Cloud) -> None:
    """stdout has the exports and nothing else, the rest goes to stderr."""
    for variable, value in cloud.environment().items():
        print(f"export {variable}={value}")
    print(f"export ATECC_AWS_SERVER_CA={cloud.server_ca_file}")
    say(f"With these exports boto3, and `atecc`, find the stand-in at {cloud.endpoint_url}, for this run.")
    say(f"Broker:                 {cloud.broker_host}:{cloud.broker_port} (mutual TLS)")
    say(f"CA of the broker:       {cloud.server_ca_file} (in the role of Amazon's root CA)")
    say(f"Log of the broker:      {cloud.directory / 'mosquitto.log'}")
    say("Next, with a board:     atecc provision aws --thing sensor-1    # where the exports were typed")
    say("What it decides, and why, follows; Ctrl-C ends it.")
    sys.stdout.flush()


def show(decision: Decision, verbose: bool) -> None:
    if verbose or decision.action != "receive" or not decision.allowed:
        say(str(decision))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
