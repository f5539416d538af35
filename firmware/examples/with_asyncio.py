"""Two things at a time with asyncio: answer what comes to NAME/ask, and count."""

import asyncio

import atecc


async def answer():
    async for topic, message in atecc.messages("ask"):
        atecc.publish(topic + "/answer", message)


async def count():
    number = 0
    while True:
        atecc.publish("count", str(number))
        number += 1
        await asyncio.sleep(1)


async def main():
    await asyncio.gather(answer(), count())
