"""Wake, publish, sleep: what it costs is the way from reset to the broker's acknowledgement."""

import atecc


def main():
    if not atecc.wait_connected(60):
        atecc.deepsleep(600_000)  # no broker in reach: try again in ten minutes
    atecc.publish("awake", {"days_left": atecc.identity()["days_left"]})
    atecc.deepsleep(60_000)  # when the broker has it
