"""The host tool where there is no POSIX: with what only POSIX has taken away, and what Windows has played."""

import ast
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from atecc import system
from atecc.channels import ports
from atecc.chip.simulator import SimulatorMissing, find_clone

PACKAGE = Path(__file__).parents[2] / "host/atecc"
# Modules, and names in `os` and `signal`, that Windows' Python does not have.
MODULES = {"fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "syslog", "curses", "readline"}
OS = {
    *(
        "fork",
        "forkpty",
        "getuid",
        "geteuid",
        "getgid",
        "getegid",
        "setuid",
        "setsid",
        "chown",
        "fchown",
        "lchown",
    ),
    *("mkfifo", "mknod", "killpg", "getpgid", "setpgid", "nice", "statvfs", "fstatvfs", "sysconf", "uname"),
    *("O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "WNOHANG", "wait", "openpty", "ttyname"),
}
SIGNAL = {"SIGHUP", "SIGQUIT", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE", "SIGTSTP",
          "alarm", "setitimer", "pthread_sigmask", "sigwait", "pause"}  # fmt: skip

WITHOUT = f"""
import builtins, importlib, pkgutil, sys
import signal, os
class Without:
    "A module as this tool sees it where there is no POSIX."
    def __init__(self, module, gone):
        self.__dict__.update({{name: one for name, one in vars(module).items() if name not in gone}})
stripped = {{"os": Without(os, {OS!r}), "signal": Without(signal, {SIGNAL!r})}}
real = builtins.__import__
def imports(name, globals=None, locals=None, fromlist=(), level=0):
    if (globals or {{}}).get("__name__", "").partition(".")[0] == "atecc" and not level:
        if name.partition(".")[0] in {MODULES!r}:
            raise ImportError(name)
        if name in stripped:
            return stripped[name]
    return real(name, globals, locals, fromlist, level)
builtins.__import__ = imports
import atecc
for one in pkgutil.walk_packages(atecc.__path__, "atecc."):
    # What runs in a process of its own; what runs at AWS.
    if not one.name.endswith(("flashing.worker", "__main__")) and ".functions." not in one.name:
        importlib.import_module(one.name)
from atecc.cli import cli
for line in sys.argv[1:]:
    try:
        cli.main(line.split(), prog_name="atecc")
    except SystemExit as end:
        assert not end.code, (line, end.code)
"""


def test_the_command_line_without_posix(tmp_path):
    """All of it is imported, help, lists, files with secrets and locks included."""
    operator = tmp_path / "operator"
    lines = [
        "--help", "list", "chip config check tls", "chip config get --preset tls --json",
        f"operator init --operator-dir {operator}", f"operator renew --operator-dir {operator} --json",
        f"list --log-file {tmp_path / 'log'}",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *lines],
        env={**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert "is sound" in done.stdout and (operator / "ca.key.pem").exists()


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_what_only_posix_has_stands_in_one_place(path):
    """Or is looked for before it is used: getattr, hasattr."""
    used = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            used |= {alias.name for alias in node.names} & MODULES
        elif isinstance(node, ast.ImportFrom):
            used |= {node.module} & MODULES
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names = {"os": OS | {"kill"}, "signal": SIGNAL}.get(node.value.id, set())
            used |= {node.attr} & names
    assert used == ({"fcntl", "kill"} if path.name == "system.py" else set())


class Msvcrt(SimpleNamespace):
    """Windows' locks, for one process: of a file's bytes."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__(held={}, tried=threading.Event())

    def locking(self, number, mode, size):
        assert mode == self.LK_NBLCK and size == 1
        place = (os.fstat(number).st_ino, os.lseek(number, 0, os.SEEK_CUR))
        if place in self.held:
            self.tried.set()
            raise PermissionError(errno.EACCES, "Permission denied")
        self.held[place] = number


def test_windows_locks(monkeypatch, tmp_path):
    windows = Msvcrt()
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", windows)
    path = tmp_path / "lock"
    path.write_text("7")
    with path.open("r+") as first, path.open("r+") as second:
        system.lock(first)
        assert first.read() == "7", "what is in it can be read meanwhile, and from its beginning"
        with pytest.raises(OSError):
            system.lock(second, wait=False)
        waiting = threading.Thread(target=system.lock, args=(second,))
        windows.tried.clear()
        waiting.start()
        assert windows.tried.wait(10)
        windows.held.clear()
        waiting.join(10)
        assert not waiting.is_alive() and len(windows.held) == 1


def test_whether_a_process_runs():
    assert system.runs(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert not system.runs(ended.pid)


def test_on_windows_nobody_is_killed_to_see_whether_he_lives(monkeypatch):
    monkeypatch.setattr(system.os, "name", "nt")
    monkeypatch.setattr(system.os, "kill", lambda *_: pytest.fail("that ends it"))
    monkeypatch.setattr(system, "_runs_on_windows", lambda pid: pid == 7)
    assert system.runs(7) and not system.runs(8)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("PermissionError(13, 'Access is denied.', None, 5)", "in use by another program"),
        (
            "FileNotFoundError(2, 'The system cannot find the file specified.', None, 2)",
            "no serial port COM7",
        ),
    ],
)
def test_a_com_port_that_does_not_open(monkeypatch, reason, words):
    import serial

    def refuse(*_, **__):
        raise serial.SerialException(f"could not open port 'COM7': {reason}")

    monkeypatch.setattr(serial, "serial_for_url", refuse)
    monkeypatch.setattr(ports.os, "name", "nt")
    error = ports.why_not_open("COM7")
    assert words in error.message and error.hint


def test_no_simulated_board_on_windows(monkeypatch):
    monkeypatch.setattr("atecc.chip.simulator.os", SimpleNamespace(name="nt", environ={}))
    with pytest.raises(SimulatorMissing, match="Linux"):
        find_clone()
