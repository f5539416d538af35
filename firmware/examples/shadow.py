"""AWS IoT's device shadow: what is desired of it is done, and then reported."""

import atecc

state = {"brightness": 0}


def desired(wish):
    for name in wish:
        if name in state:
            state[name] = wish[name]
    atecc.shadow.reported(state)


def main():
    atecc.shadow.on_desired(desired)
    atecc.shadow.reported(state)
