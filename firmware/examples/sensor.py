"""A reading every five seconds, to NAME/temperature. What is read while the link is down is sent later."""

import time

import atecc


def measure():
    return 21.5  # of a real sensor


def main():
    passed = 0
    while True:
        if passed % atecc.settings.get("every_s", 5) == 0:  # atecc config set app.every_s=60 --save
            celsius = measure()
            atecc.publish("temperature", {"celsius": celsius})
            atecc.log("%s °C" % celsius)
        passed += 1
        time.sleep(1)
