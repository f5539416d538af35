"""Commands in processes that have imported everything already: starting Python takes longer than what most of them do.

`run` is as `subprocess.run`, with a process, environment and standard streams of the command's own; but it is a fork of
a server that has only imported modules (multiprocessing's). `Shim` is a folder with an `atecc` for a shell's path,
which does the same. What depends on the start of Python itself is not seen this way: tests of that start the real
program.
"""

import io
import os
import socketserver
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver, get_context
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import IO, Any, Self
from unittest.mock import patch

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
        status = _status(command, env, os.getcwd(), streams, timeout)
        _, out, err = (stream.read_text(encoding="utf-8") for stream in streams)
    return CompletedProcess(list(command), status, out, err)


# bash's own, for a start of Python is what this saves. The command opens this process's streams, and is waited for.
SHIM = """#!/bin/bash
exec 20<&0 21>&1 22>&2 9<>/dev/tcp/127.0.0.1/{port}
printf '%s\\0' $$ "$PWD" "$@" '' >&9
read -r status <&9
exit "${{status:-99}}"
"""


class Shim:
    """`folder` has an `atecc` that has this environment, from wherever it is called."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _handler(dict(env)))
        self._server.daemon_threads = True
        (folder / "atecc").write_text(SHIM.format(port=self._server.server_address[1]))
        (folder / "atecc").chmod(0o755)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,)).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(env: dict[str, str]) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = b""
            while not asked.endswith(b"\0\0"):
                asked += self.request.recv(65536)
            caller, folder, *command = os.fsdecode(asked[:-2]).split("\0")
            streams = [Path(f"/proc/{caller}/fd/{20 + number}") for number in range(3)]
            self.request.sendall(b"%d\n" % _status(command, env, folder, streams, 120))

    return Handler


def _status(
    command: Sequence[str], env: Mapping[str, str], folder: str, streams: list[Path], timeout: float
) -> Any:
    _start_server()
    process = SERVER.Process(target=_main, args=(list(command), dict(env), folder, streams))
    process.start()
    process.join(timeout)
    if process.exitcode is None:
        process.kill()
        process.join(KILLED_S)
        raise TimeoutExpired(list(command), timeout)
    status = process.exitcode
    process.close()
    return status


def _start_server() -> None:
    """If it does not run yet. It looks for what it is to import on the path that a new Python has, and says nothing if
    that is not there."""
    with patch.dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)):
        forkserver.ensure_running()


def _main(arguments: list[str], env: dict[str, str], folder: str, streams: list[Path]) -> None:
    """In the fork."""
    assert "ready_modules" in sys.modules, "the server has imported nothing"
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
