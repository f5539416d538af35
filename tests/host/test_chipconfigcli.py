"""`atecc chip show` and `atecc chip config …`: what a user types and reads."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from atecc.chip.config.load import loads
from atecc.chip.config.presets import preset_text
from fakedevice import BLANK, SERIAL

HEXES = Path(__file__).parents[2] / "boards" / "SIM" / "simchip" / "presets"
SOUND = preset_text("tls")
USELESS = SOUND.replace("    generate: yes", "    generate: no")


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("mine.yaml", SOUND), ("useless.yaml", USELESS), ("broken.yaml", "slots: {0: {}}\n")):
        (tmp_path / name).write_text(text)
    return tmp_path


# show


def test_show_draws_the_slots(board, run):
    board.identity()
    seen = run(board, "chip", "show")
    assert seen.status == 0 and f"Chip {SERIAL}" in seen.out and "config zone locked" in seen.out
    line = next(line for line in seen.out.splitlines() if line.startswith("0  "))
    assert "device key" in line and "private key" in line
    assert "make a key" in seen.out and "identity" in seen.out and "may, for good" in seen.out


def test_show_says_what_will_be_once_all_is_locked(blank, run):
    seen = run(blank, "chip", "show")
    assert "nothing yet" in seen.out and "may once" in seen.out and "no key" in seen.out


@pytest.mark.parametrize(
    ("use", "said"),
    [("active", "key of active identity a"), ("unknown", "a key no identity knows")],
)
def test_show_says_whose_key_it_is(board, run, use, said):
    board.identity()
    if use == "unknown":
        board.active = None
        board.known.clear()
    slot = run(board, "chip", "show", "--json").json["slots"][0]
    assert slot["state"] == use and slot["holds"] == said


def test_show_says_which_slots_are_locked(board, run):
    board.config[88:90] = b"\xfe\xfe"
    slots = run(board, "chip", "show", "--json").json["slots"]
    assert slots[0]["holds"] == "no key, locked" and slots[8]["state"] == "locked"
    assert "make a key" not in slots[0]["now"] and slots[8]["now"].endswith("write: nobody")


def test_show_for_programs(blank, run):
    data = run(blank, "chip", "show", "--json").json
    assert data["serial"] == SERIAL and len(data["slots"]) == 16
    assert data["slots"][0]["now"] == "nothing yet" and "sign" in data["slots"][0]["final"]


def test_a_picture(board, run, tmp_path):
    board.identity()
    seen = run(board, "chip", "show", "--svg", tmp_path / "chip.svg")
    assert seen.status == 0 and "Drawn into" in seen.err
    root = ElementTree.parse(tmp_path / "chip.svg").getroot()
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if text.isdigit()] == [str(n) for n in range(16)]
    assert (
        "device key" in texts
        and "key of active identity a" in texts
        and "not locked" in texts
        and "data, not locked by itself" in texts
    )
    assert "http" not in (tmp_path / "chip.svg").read_text().replace("http://www.w3.org/2000/svg", "")


def test_a_picture_never_replaces_a_file(board, run, tmp_path):
    (tmp_path / "chip.svg").write_text("mine")
    seen = run(board, "chip", "show", "--svg", tmp_path / "chip.svg")
    assert seen.status == 5 and "is not overwritten" in seen.err and board.calls == []
    assert (tmp_path / "chip.svg").read_text() == "mine"
    assert run(board, "chip", "show", "--svg", tmp_path / "none" / "chip.svg").status == 2


# get


def test_get_is_a_file_for_set(blank, run, files):
    text = run(blank, "chip", "config", "get").out
    assert text.startswith(f"# Chip {SERIAL}: config zone not locked") and "role: device key" in text
    assert loads(text, "x").zone.data[16:] == BLANK[16:]
    (files / "chip.yaml").write_text(text)
    assert "nothing was written" in run(blank, "chip", "config", "set", "chip.yaml").out


def test_get_a_preset_needs_no_chip(blank, run):
    assert run(blank, "chip", "config", "get", "--preset", "tls").out.strip() == SOUND.strip()
    hexed = run(blank, "chip", "config", "get", "--preset", "tls", "--format", "hex").out
    assert bytes.fromhex(hexed)[20:22] == b"\x87\x20"
    assert blank.calls == []
    assert run(blank, "chip", "config", "get", "--preset", "none").status == 2


def test_get_from_a_locked_chip_says_so(board, run):
    assert "config-zone-lock: 0x00" in run(board, "chip", "config", "get").out


# check


@pytest.mark.parametrize("name", ["tls", "mine.yaml", None])
def test_check_explains(blank, run, files, name):
    seen = run(blank, "chip", "config", "check", *([name] if name else []))
    assert seen.status == 0 and "GenKey allowed after lock" in seen.out and "is sound" in seen.out
    assert bool(blank.calls) == (name is None)


def test_check_refuses(blank, run, files):
    seen = run(blank, "chip", "config", "check", "useless.yaml")
    assert seen.status == 5 and "Problem: No slot could make a key and sign" in seen.err
    assert "Slot 0 is called device key, but the chip can't make a key there" in seen.err
    assert "useless.yaml would ruin a chip for its purpose" in seen.err.lower()


def test_check_for_programs(blank, run, files):
    seen = run(blank, "chip", "config", "check", "useless.yaml", "--json")
    assert seen.status == 5 and not seen.json["sound"] and len(seen.json["problems"]) == 3
    assert seen.json["slots"][0]["consequences"][0] == "private key never readable"


def test_check_names_file_line_slot_and_field(blank, run, files):
    seen = run(blank, "chip", "config", "check", "broken.yaml")
    assert seen.status == 2 and "broken.yaml, line 1: slot 0: its `type` is missing" in seen.err


def test_check_warns_of_old_habits(blank, run):
    seen = run(blank, "chip", "config", "check", HEXES / "mos.hex")
    assert seen.status == 0 and "Byte 18 is 0x55, OTPmode on an ATECC508A" in seen.err


# diff


def test_diff_with_the_chip(blank, run):
    seen = run(blank, "chip", "config", "diff", "tls")
    assert seen.status == 0 and "83 20 / 33 00 → 87 20 / 33 00" in seen.out
    assert "use: [sign, attest] → [sign, attest, ECDH]" in seen.out
    assert run(blank, "chip", "config", "diff", "tls", "--exit-code").status == 1


def test_diff_of_two_files(blank, run, files):
    assert (
        run(blank, "chip", "config", "diff", "mine.yaml", "tls", "--exit-code").out.strip().endswith("same.")
    )
    data = run(blank, "chip", "config", "diff", "mine.yaml", "useless.yaml", "--json").json
    assert [change["what"] for change in data["changes"]] == ["slot 0", "slot 1", "slot 2"]
    assert data["changes"][0]["words"] == ["generate: yes → no"] and not data["same"]
    assert blank.calls == []


def test_diff_between_kinds_of_slots_tells_the_new_rules(blank, run):
    data = run(blank, "chip", "config", "diff", "tls", HEXES / "mos.hex", "--json").json
    words = {change["what"]: change["words"] for change in data["changes"]}
    assert words["slot 3"][0] == "type: data → private key" and "generate: yes" in words["slot 3"]
    assert words["CountMatch"] == ["count-match: no → yes", "count-match-slot: 0 → 5"]
    assert words["reserved bytes 75 to 83"] == ["bits without words"]


def test_diff_without_a_file(blank, run):
    assert run(blank, "chip", "config", "diff").status == 2
    assert run(blank, "chip", "config", "diff", "none.yaml").status == 2


# set


def test_set_from_yaml(blank, run, files):
    assert run(blank, "chip", "config", "set", "mine.yaml", "--yes").status == 0
    assert blank.config[20:22] == b"\x87\x20"


def test_set_refuses_what_would_ruin_the_chip(blank, run, files):
    seen = run(blank, "chip", "config", "set", "useless.yaml", "--yes")
    assert seen.status == 5 and "nothing was written" in seen.err and "--even-if-useless" in seen.err
    assert bytes(blank.config) == BLANK and "ATCA.SetConfig" not in blank.calls
    assert run(blank, "chip", "config", "set", "useless.yaml", "--yes", "--even-if-useless").status == 0
    assert blank.config[21] == 0x00


def test_set_never_reaches_the_chip_with_a_broken_file(blank, run, files):
    assert run(blank, "chip", "config", "set", "broken.yaml", "--yes").status == 2
    assert blank.calls == []
