"""A request that a worker runs for a connection, seen from both sides."""

import asyncio


class Call:
    """The generator `steps` for `connection`: workers run steps(), asyncio awaits result().

    While it waits for something, the caller may go: then it waits no longer, and takes nothing from anybody.
    """

    def __init__(self, steps, connection):
        self._steps = steps
        self._connection = connection
        self._flag = asyncio.ThreadSafeFlag()
        self._wanted = None  # the Job it waits for
        self._out = []
        self._done = False

    def steps(self):
        try:
            while True:
                self._wanted = next(self._steps)
                self._connection.waits()
                self._flag.set()
                yield self._wanted
                self._connection.start()
        except StopIteration as e:
            self._out.append(e.value)
        finally:
            self._done = True
            self._flag.set()

    async def result(self):
        watch = None
        try:
            while not self._done:
                await self._flag.wait()
                if self._wanted and not watch:
                    watch = asyncio.create_task(self._watch(asyncio.current_task()))
        except asyncio.CancelledError:
            if self._wanted:
                self._wanted.unwanted = True
            raise
        finally:
            if watch:
                watch.cancel()
        return self._out[0]

    async def _watch(self, task):
        if not await self._connection.is_left():
            task.cancel()
