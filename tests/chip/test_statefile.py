"""The EEPROM as a readable file."""

import stat
from pathlib import Path

import pytest
from chip.bench import COUNTER, GENKEY, INFO, LOCK, OK, RANDOM, WRITE, Bench
from simchip import Chip
from simchip.statefile import BadStateFile, dump, load, parse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chip.txt"


def test_a_new_chip_is_saved_at_once_for_its_owner_only(path: Path) -> None:
    chip = Chip(state=path, preset="tls")
    assert load(path) == chip.image
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["chip.txt"], "nothing else is left"


def test_every_change_is_saved_and_comes_back(path: Path) -> None:
    bench = Bench(Chip(state=path))
    assert bench.run(WRITE, 0, 5, bytes.fromhex("87208720")) == OK
    assert load(path).config[20:24] == bytes.fromhex("87208720")
    assert bench.run(LOCK, 0x80) == OK
    point = bench.run(GENKEY, 4, 0)
    bench.run(COUNTER, 1, 1)
    assert load(path) == bench.chip.image
    later = Bench(Chip(state=path, preset="mos"))
    assert later.run(GENKEY, 0, 0) == point
    assert later.run(COUNTER, 0, 1) == b"\1\0\0\0"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_commands_that_change_nothing_do_not_touch_the_file(path: Path) -> None:
    bench = Bench(Chip(state=path))
    before = path.stat().st_mtime_ns
    bench.run(INFO)
    bench.run(RANDOM)
    bench.run(LOCK, 1)
    assert path.stat().st_mtime_ns == before


def test_a_change_lasts_from_the_end_of_the_command(path: Path) -> None:
    bench = Bench(Chip(state=path))
    bench.wake()
    bench.send(lock_frame())
    assert load(path).config[87] == 0x55
    bench.chip.advance(35_000)
    assert load(path).config[87] == 0x00


def lock_frame() -> bytes:
    from chip.bench import frame

    return frame(LOCK, 0x80)


def test_closing_in_the_middle_of_a_command_is_a_power_cut(path: Path) -> None:
    bench = Bench(Chip(state=path))
    bench.wake()
    bench.send(lock_frame())
    bench.chip.close()
    assert load(path).config[87] == 0x55
    assert load(path) == bench.chip.image


def test_people_can_read_it() -> None:
    text = dump(Chip(preset="tls", seed=1, locked=True).image)
    for words in (
        "config zone locked",
        "slot 0:   # private key",
        "slot 11:   # public key",
        "SlotConfig",
        "  00: 01 23",
    ):
        assert words in text, words


def test_it_is_yaml_like_and_comments_do_not_count() -> None:
    image = Chip(preset="blank", seed=1).image
    bare = "\n".join(line.partition("#")[0].rstrip() for line in dump(image).splitlines())
    assert parse(bare) == image
    assert parse(dump(image)) == image


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("config:", "confug:"), "config"),
        (lambda text: text.replace("  10:", "  20:", 1), "line 6"),
        (lambda text: text.replace("  00: 01 23", "  00: 01 2"), "line 5"),
        (lambda text: text.replace("otp:", "slot 99:"), "otp"),
        (lambda text: text[: len(text) // 2], "slot"),
        (lambda text: "hello", "line 1"),
        (lambda text: "", "config"),
    ],
)
def test_a_damaged_file_is_refused_with_a_sentence(path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    path.write_text(change(dump(Chip(seed=1).image)))
    with pytest.raises(BadStateFile, match=message) as error:
        Chip(state=path)
    assert str(path) in str(error.value)


def test_binary_rubbish_is_refused(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadStateFile):
        load(path)
