"""A reading every minute, to NAME/temperature. What is read while the link is down is sent when it is up again."""

import time

import atecc


def measure():
    return 21.5  # of a real sensor


def main():
    every = atecc.settings.get("every_s", 60)  # atecc config set app.every_s=10 --save
    while True:
        atecc.publish("temperature", {"celsius": measure()})
        time.sleep(every)
