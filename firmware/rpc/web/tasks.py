"""Tasks for an asyncio of the server's own: MicroPython's are those of one loop, and that is the application's.

Stands in for the built-in _asyncio while that asyncio is loaded (made.py), and does what it does, in Python.
"""

from time import ticks_diff, ticks_ms

_cores = []  # the globals of the one asyncio.core that uses this


class TaskQueue:
    """Tasks, in the order in which their time comes."""

    def __init__(self):
        self._tasks = []

    def peek(self):
        return self._tasks[0] if self._tasks else None

    def push(self, task, key=None):
        task.data = None
        task.ph_key = ticks_ms() if key is None else key
        at = len(self._tasks)
        while at and ticks_diff(self._tasks[at - 1].ph_key, task.ph_key) > 0:
            at -= 1
        self._tasks.insert(at, task)

    def pop(self):
        return self._tasks.pop(0)

    def remove(self, task):
        self._tasks.remove(task)


class Task:
    """`state`: True while it runs, a TaskQueue of those who wait for it, or None and False when it has ended."""

    def __init__(self, coro, core):
        if not _cores:
            _cores.append(core)
        self.coro = coro
        self.data = None
        self.state = True
        self.ph_key = 0

    def __iter__(self):
        if not self.state:
            self.state = False
        elif self.state is True:
            self.state = TaskQueue()
        return self

    def __next__(self):
        if not self.state:
            raise self.data
        current = _cores[0]["cur_task"]
        self.state.push(current)
        current.data = self

    def done(self):
        return not self.state

    def cancel(self):
        if not self.state:
            return False
        if self is _cores[0]["cur_task"]:
            raise RuntimeError("can't cancel self")
        task = self
        while isinstance(task.data, Task):
            task = task.data
        queue = _cores[0]["_task_queue"]
        if hasattr(task.data, "remove"):
            task.data.remove(task)
            queue.push(task)
        elif ticks_diff(task.ph_key, ticks_ms()) > 0:
            queue.remove(task)
            queue.push(task)
        task.data = _cores[0]["CancelledError"]
        return True
