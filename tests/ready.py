"""Commands in processes that have imported everything already: starting Python takes longer than what most of them do.

`run` is as `subprocess.run`, with a process, environment and standard streams of the command's own; but it is a fork of
a server that has only imported modules (multiprocessing's). What depends on the start of Python itself is not seen
this way: tests of that, and of what the README shows, start the real program.
"""

import io
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import IO

SERVER = get_context("forkserver")
SERVER.set_forkserver_preload(["ready_modules"])
KILLED_S = 5


def run(
    command: Sequence[str], env: Mapping[str, str], keys: str | None = None, timeout: float = 120
) -> "CompletedProcess[str]":
    """What the `atecc` command with these arguments ends with, and says."""
    with tempfile.TemporaryDirectory(prefix="said-") as folder:
        streams = [Path(folder, name) for name in ("in", "out", "err")]
        for stream in streams:
            stream.write_text(keys or "" if stream.name == "in" else "")
        process = SERVER.Process(target=_main, args=(list(command), dict(env), os.getcwd(), streams))
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join(KILLED_S)
            raise TimeoutExpired(list(command), timeout)
        status = process.exitcode
        process.close()
        _, out, err = (stream.read_text(encoding="utf-8") for stream in streams)
    return CompletedProcess(list(command), status, out, err)


def _main(arguments: list[str], env: dict[str, str], folder: str, streams: list[Path]) -> None:
    """In the fork."""
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, path in enumerate(streams):
        there = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(there, number)
        os.close(there)
    sys.stdin, sys.stdout, sys.stderr = _text(0, "r"), _text(1, "w"), _text(2, "w")
    sys.argv = ["atecc", *arguments]
    from atecc.cli import main

    try:
        main()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _text(number: int, mode: str) -> IO[str]:
    text = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
    assert isinstance(text, io.TextIOWrapper)
    if number == 2:
        text.reconfigure(line_buffering=True)
    return text
