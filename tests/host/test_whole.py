"""The host's own files are written whole or not at all; and what can't be written, output too, is told as that."""

import errno
import os
import re
import resource
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from atecc import whole
from atecc.cli import screen
from atecc.errors import ArgumentError, RefusedError
from atecc.operators.operator import Names, Operator
from fakedevice import FakeDevice

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full(monkeypatch):
    """The disk is full from now on, or once so many files have been written."""

    def full(after=0):
        real = os.fsync
        written = []

        def fsync(descriptor):
            if len(written) >= after and stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FULL
            written.append(descriptor)
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    return full


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_new_or_it_is_refused(tmp_path):
    path = tmp_path / "f"
    whole.write(path, b"one")
    with pytest.raises(RefusedError, match="is there already"):
        whole.write(path, b"two")
    assert path.read_bytes() == b"one"
    whole.write(path, b"two", over=True)
    assert path.read_bytes() == b"two" and os.listdir(tmp_path) == ["f"]


def test_who_may_read_it(tmp_path):
    before = os.umask(0o027)
    try:
        whole.write(tmp_path / "f", b"x")
        whole.write(tmp_path / "s", b"x", secret=True)
        (tmp_path / "f").chmod(0o604)
        whole.write(tmp_path / "f", b"y", over=True)
        whole.write(tmp_path / "new", b"y", over=True)
    finally:
        os.umask(before)
    assert (mode(tmp_path / "f"), mode(tmp_path / "s"), mode(tmp_path / "new")) == (0o604, 0o600, 0o640)
    (tmp_path / "s").chmod(0o644)
    whole.write(tmp_path / "s", b"y", secret=True, over=True)
    assert mode(tmp_path / "s") == 0o600


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to("there")
    whole.write(tmp_path / "link", b"new", over=True)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_bytes() == b"new"
    (tmp_path / "nowhere").symlink_to("gone")
    with pytest.raises(RefusedError):
        whole.write(tmp_path / "nowhere", b"new")


def test_devices_are_written_to(tmp_path):
    whole.write(tmp_path.__class__("/dev/null"), b"x", over=True)
    with pytest.raises(ArgumentError, match="No space left"):
        whole.write(tmp_path.__class__("/dev/full"), b"x", over=True)


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("call", ["fsync", "replace", "link"])
def test_what_fails_leaves_things_as_they_were(tmp_path, monkeypatch, over, call):
    path = tmp_path / "f"
    if over:
        path.write_bytes(b"old")

    def fail(*_, **__):
        raise FULL

    monkeypatch.setattr(os, call, fail)
    if call == "link" or (call == "replace" and not over):
        whole.write(path, b"new", over=over)  # there is another way
        assert path.read_bytes() == b"new"
    else:
        with pytest.raises(ArgumentError, match="f can't be written: No space left on device"):
            whole.write(path, b"new", over=over)
        assert [one.read_bytes() for one in tmp_path.iterdir()] == ([b"old"] if over else [])
    assert len(list(tmp_path.iterdir())) <= 1


def test_without_links_and_then_without_room_nothing_stays(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise FULL

    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ArgumentError, match="No space left"):
        whole.write(tmp_path / "f", b"new")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_no_draft(tmp_path, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        whole.write(tmp_path / "f", b"new")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["no/such/dir", "x" * 300, "a\0b", "dir"])
def test_names_that_can_not_be(tmp_path, name):
    (tmp_path / "dir").mkdir()
    for over in (False, True):
        with pytest.raises((ArgumentError, RefusedError)):
            whole.write(tmp_path / name, b"x", over=over)
    assert os.listdir(tmp_path) == ["dir"]


def test_a_draft_keeps_the_room_that_it_has(tmp_path, monkeypatch):
    with whole.Draft(tmp_path / "receipt") as draft:
        draft.write(bytes(8192))
        assert not (tmp_path / "receipt").exists()
        draft.write(b"short")
        draft.keep()
    assert (tmp_path / "receipt").read_bytes() == b"short" and os.listdir(tmp_path) == ["receipt"]


# Commands


@pytest.mark.parametrize("after", range(4))
def test_an_operator_is_made_whole_or_not_at_all(run, tmp_path, full, monkeypatch, after):
    with monkeypatch.context() as patch:
        full(after)
        seen = run(FakeDevice(), "operator", "init", "--dir", tmp_path / "o")
        assert (
            seen.status == 2
            and "No space left on device" in seen.err
            and list((tmp_path / "o").iterdir()) == []
        )
        patch.undo()
    monkeypatch.undo()
    assert run(FakeDevice(), "operator", "init", "--dir", tmp_path / "o").status == 0


@pytest.mark.parametrize("call", range(1, 5))
def test_an_operator_whose_names_can_t_be_given(run, tmp_path, monkeypatch, call):
    real, calls = os.link, []

    def link(*args):
        calls.append(args)
        if len(calls) == call:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(os, "link", link)
    assert run(FakeDevice(), "operator", "init", "--dir", tmp_path / "o").status == 130
    assert list((tmp_path / "o").iterdir()) == []


@pytest.mark.parametrize("missing", ["operator.crt.pem", "operator.key.pem", "ca.key.pem", "ca.crt.pem"])
def test_a_part_of_an_operator_is_no_dead_end(run, tmp_path, missing):
    """As a power cut may have left it: what one command says the other one does."""
    made = Operator(tmp_path / "o")
    made.make(Names("alice"))
    (tmp_path / "o" / missing).unlink()
    where = ("--operator-dir", tmp_path / "o")
    seen = run(FakeDevice(), "operator", "init", *where)
    assert seen.status == 5 and "a part of an operator" in seen.err
    renewed = run(FakeDevice(), "operator", "renew", *where)
    if missing == "operator.crt.pem":
        assert "`atecc operator renew`" in seen.err and renewed.status == 0, renewed.err
        assert "CN=alice" in made.check().subject.rfc4514_string()
    else:
        assert (
            "move these away" in seen.err
            and renewed.status != 0
            and "operator init` makes one;" not in renewed.err
        )


def test_a_renewal_on_a_full_disk_leaves_the_old_certificate(run, operator, full):
    before = operator.certificate_file.read_bytes()
    full()
    seen = run(FakeDevice(), "operator", "renew")
    assert seen.status == 2 and operator.certificate_file.read_bytes() == before
    assert not [one for one in operator.directory.iterdir() if one.name.startswith(".")]


def test_force_does_not_destroy_what_was_there(run, networked, tmp_path, full):
    networked.files["f"] = b"new"
    (tmp_path / "out").write_bytes(b"old")
    full()
    seen = run(networked, "fs", "get", "f", "--out", tmp_path / "out", "--force")
    assert seen.status == 2 and "No space left on device" in seen.err
    assert (tmp_path / "out").read_bytes() == b"old" and os.listdir(tmp_path) == ["out"]
    assert run(networked, "fs", "get", "f", "--out", tmp_path / "new").status == 2
    assert os.listdir(tmp_path) == ["out"]


# Output


ATECC = [sys.executable, "-c", "from atecc.cli import main; main()"]
POLICY = ["operator", "policy", "--all", "--account", "1" * 12, "--region", "eu-west-1"]


def ended(command, **streams):
    done = subprocess.run(
        [*ATECC, *command], stderr=subprocess.PIPE, text=True, check=False, timeout=60, **streams
    )
    assert (
        "Traceback" not in done.stderr
        and "defect" not in done.stderr
        and "Exception ignored" not in done.stderr
    )
    return done


@pytest.mark.parametrize("command", [["--version"], ["--help"], POLICY], ids=" ".join)
def test_output_on_a_full_disk(command):
    with open("/dev/full", "w") as full:
        done = ended(command, stdout=full)
    assert (
        done.returncode == 1 and "Standard output can't be written: No space left on device." in done.stderr
    )


def test_output_that_nobody_reads():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = ended(POLICY, stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == 1 and "Nobody read all of the output" in done.stderr


def test_streams_that_are_closed():
    for redirection, status in ((">&-", 1), ("<&-", 0), (">&- <&-", 1)):
        line = f"{shlex.join([*ATECC, *POLICY])} {redirection}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status and "Traceback" not in done.stderr and "defect" not in done.stderr, (
            done.stderr
        )


class Stuck:
    """A stream that takes nothing."""

    encoding = "utf-8"

    def __init__(self, error):
        self.error = error

    def write(self, text):
        raise self.error

    def flush(self):
        raise self.error

    def isatty(self):
        return False

    def fileno(self):
        raise OSError(errno.EBADF, "none")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EPIPE, errno.EIO])
def test_messages_that_nobody_can_see_stop_nothing(monkeypatch, code):
    monkeypatch.setattr(sys, "stderr", Stuck(OSError(code, os.strerror(code))))
    shown = screen.Screen(stderr=True)
    shown.show("a line")
    shown.styled(("a line", "bold"))
    with shown.progress("working") as told:
        told(1, 2)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EPIPE])
@pytest.mark.parametrize(
    "arguments", [["info"], ["info", "--json"], ["chip", "config", "get"], ["rpc", "list"]]
)
def test_results_that_can_t_be_written(monkeypatch, board, capfd, code, arguments):
    from atecc.cli import cli
    from atecc.cli.app import App

    monkeypatch.setattr(sys, "stdout", Stuck(OSError(code, os.strerror(code))))
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments, obj=App(open_channel=lambda port, access: board, interactive=False))
    said = capfd.readouterr().err
    assert ended.value.code == 1 and "utput" in said and "defect" not in said, said


def test_a_limit_on_the_size_of_files(tmp_path):
    """As `ulimit -f` sets it: a signal that would end the tool, were it not ignored by Python."""

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = ended(["operator", "init", "--dir", tmp_path / "o"], stdout=subprocess.PIPE, preexec_fn=limited)
    assert done.returncode == 2 and "can't be written: File too large" in done.stderr
    assert list((tmp_path / "o").iterdir()) == []


# Nobody else writes

WRITES = re.compile(
    r"""\.write_(?:text|bytes)\(|open\([^)]*["'][wax]b?\+?["']|os\.O_CREAT|mkstemp|fdopen\("""
)
# Locks; a log, line by line; what a process of this tool's own reads from a directory that goes with it; its pipe.
ELSEWHERE = {
    "aws/journal.py",
    "cli/screen.py",
    "operators/known.py",
    "chip/simulator.py",
    "flashing/loader.py",
    "flashing/worker.py",
}


def test_files_are_written_in_one_place():
    package = Path(whole.__file__).parent
    found = {
        str(path.relative_to(package)) for path in package.rglob("*.py") if WRITES.search(path.read_text())
    }
    assert found == ELSEWHERE | {"whole.py"}
