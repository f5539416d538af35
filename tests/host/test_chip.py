"""`atecc chip`: what the user sees before anything is final, and what never happens by itself."""

import pytest
from fakedevice import BLANK, SERIAL, chip_crc


@pytest.fixture
def configured(blank, run):
    assert run(blank, "chip", "config", "set", "--yes").status == 0
    blank.calls.clear()
    return blank


def test_get_shows_the_slots(blank, run):
    seen = run(blank, "chip", "config", "get")
    assert seen.status == 0
    assert "device key" in seen.out and "config zone not locked" in seen.out


def test_hex_can_be_written_back(blank, run, tmp_path):
    hexed = run(blank, "chip", "config", "get", "--hex").out
    assert bytes.fromhex(hexed) == BLANK
    (tmp_path / "chip.hex").write_text(hexed)
    seen = run(blank, "chip", "config", "set", tmp_path / "chip.hex")
    assert seen.status == 0 and "nothing was written" in seen.out
    assert "ATCA.SetConfig" not in blank.calls


def test_json_has_every_slot(blank, run):
    data = run(blank, "--json", "chip", "config", "get").json
    assert data["serial"] == SERIAL and data["crc"] == chip_crc(BLANK) and len(data["slots"]) == 16
    assert data["slots"][0]["can_generate"] and data["slots"][0]["can_sign"]


def test_set_shows_the_plan_and_asks(blank, run):
    seen = run(blank, "chip", "config", "set", typed="y\n")
    assert seen.status == 0
    assert "spare device key" in seen.err and "83 20 / 33 00" in seen.err and "87 20 / 33 00" in seen.err
    assert "Nothing is locked by that" in seen.err and "written and read back" in seen.out
    assert blank.config[20:22] == b"\x87\x20" and blank.config[87] == 0x55


@pytest.mark.parametrize("typed", ["n\n", "\n", None])
def test_set_does_nothing_without_a_yes(blank, run, typed):
    seen = run(blank, "chip", "config", "set", typed=typed)
    assert seen.status == 5 and "Nothing was done" in seen.err
    assert bytes(blank.config) == BLANK


def test_set_compares_what_the_chip_then_holds(blank, run):
    real = blank.ATCA_SetConfig

    def forgetful(config):
        real(config)
        blank.config[20] = 0x83

    blank.ATCA_SetConfig = forgetful
    seen = run(blank, "chip", "config", "set", "--yes")
    assert seen.status == 4 and "bytes 20 differ" in seen.err and "write it again" in seen.err


def test_set_on_a_locked_chip(board, run):
    seen = run(board, "chip", "config", "set", "--yes")
    assert seen.status == 5 and "The config zone is locked" in seen.err
    assert "ATCA.SetConfig" not in board.calls


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--preset", "nonsense"], "no preset 'nonsense'"),
        (["/nonexistent.hex"], "can't be read"),
        (["--preset", "tls", "x.hex"], "not both"),
    ],
)
def test_set_with_bad_arguments(blank, run, args, said):
    seen = run(blank, "chip", "config", "set", *args)
    assert seen.status == 2 and said in seen.err


def test_lock_is_a_dry_run(configured, run):
    before = bytes(configured.config)
    seen = run(configured, "chip", "lock", "config")
    assert seen.status == 0
    assert "IRREVERSIBLE" in seen.out and "This was a dry run: nothing was changed" in seen.out
    assert "atecc chip lock config --confirm" in seen.out and SERIAL in seen.out
    assert "to change any slot's rules" in seen.out and f"0x{chip_crc(before):04x}" in seen.out
    assert bytes(configured.config) == before and "ATCA.LockZone" not in configured.calls


def test_lock_dry_run_for_programs(configured, run):
    data = run(configured, "chip", "lock", "config", "--json").json
    assert data["dry_run"] and data["crc"] == chip_crc(configured.config) and data["serial"] == SERIAL


@pytest.mark.parametrize("typed", [SERIAL, SERIAL.upper(), "01 23 a1:b2 c3-d4 e5f6ee"])
def test_lock_after_the_serial_number_was_typed(configured, run, typed):
    crc = chip_crc(configured.config)
    seen = run(configured, "chip", "lock", "config", "--confirm", typed=typed + "\n")
    assert seen.status == 0
    assert "IRREVERSIBLE" in seen.err and "Type the chip's serial number" in seen.err
    assert (
        "for good; read back and verified" in seen.out and SERIAL in seen.out and f"0x{crc:04x}" in seen.out
    )
    assert configured.config[87] == 0 and configured.config[86] == 0x55


@pytest.mark.parametrize("typed", ["\n", "y\n", "yes\n", SERIAL[:-1] + "\n", "0123000000000000ee\n", ""])
def test_lock_refuses_anything_else(configured, run, typed):
    seen = run(configured, "chip", "lock", "config", "--confirm", typed=typed)
    assert seen.status == 5 and "ATCA.LockZone" not in configured.calls


def test_lock_where_nobody_can_be_asked(configured, run):
    seen = run(configured, "chip", "lock", "config", "--confirm")
    assert seen.status == 5 and "--yes-lock SERIAL" in seen.err and "ATCA.LockZone" not in configured.calls


def test_lock_in_a_script(configured, run):
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL, "--json")
    assert seen.status == 0 and seen.json["locked"] and seen.json["serial"] == SERIAL
    assert bytes.fromhex(seen.json["config"])[87] == 0


def test_lock_in_a_script_for_another_chip(configured, run):
    seen = run(configured, "chip", "lock", "config", "--yes-lock", "0123000000000000ee")
    assert seen.status == 5 and "is not this chip's serial number" in seen.err
    assert "ATCA.LockZone" not in configured.calls


def test_lock_what_is_locked(board, run):
    for zone in ("config", "data"):
        seen = run(board, "chip", "lock", zone, "--yes-lock", SERIAL)
        assert seen.status == 5 and f"The {zone} zone of chip {SERIAL} is locked already" in seen.err


def test_lock_what_would_ruin_the_chip(configured, run):
    configured.config[96] = configured.config[98] = configured.config[100] = 0x3C
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    assert seen.status == 5
    assert "would ruin the chip for its purpose" in seen.err and "No slot could make a key" in seen.err
    assert "ATCA.LockZone" not in configured.calls


def test_the_chip_compares_the_crc_itself(configured, run):
    real = configured.ATCA_GetConfig
    configured.tamper["ATCA.GetConfig"] = lambda answer: answer
    configured.ATCA_GetConfig = lambda: (real(), configured.config.__setitem__(30, 0x77))[0]
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    assert seen.status == 4 and configured.config[87] == 0x55, "what is on the chip is not what was shown"


def test_a_lock_that_did_not_take_is_noticed(configured, run):
    configured.ATCA_LockZone = lambda **_: None
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    assert seen.status == 4 and "but the chip says it is open" in seen.err


def test_data_comes_after_config(configured, run):
    seen = run(configured, "chip", "lock", "data", "--yes-lock", SERIAL)
    assert seen.status == 5 and "it comes first" in seen.err and "ATCA.LockZone" not in configured.calls


def test_lock_data(configured, run):
    run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    dry = run(configured, "chip", "lock", "data")
    assert dry.status == 0 and "--data-crc" in dry.out and "OTP" in dry.out and configured.config[86] == 0x55
    seen = run(configured, "chip", "lock", "data", "--yes-lock", SERIAL)
    assert seen.status == 0 and "not checked" in seen.out and configured.config[86] == 0


def test_lock_data_hands_the_users_crc_on(configured, run):
    run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    given = []
    configured.ATCA_LockZone = lambda zone, serial, crc=None: given.append((zone, serial, crc))
    run(configured, "chip", "lock", "data", "--yes-lock", SERIAL, "--data-crc", "0xBEEF")
    assert given == [(1, SERIAL, 0xBEEF)]


@pytest.mark.parametrize("crc", ["0x10000", "-1", "beef"])
def test_a_crc_that_is_none(configured, run, crc):
    assert run(configured, "chip", "lock", "data", f"--data-crc={crc}").status == 2


def test_a_data_crc_for_the_config_zone(configured, run):
    assert run(configured, "chip", "lock", "config", "--data-crc", "1").status == 2


def test_a_garbled_configuration_is_never_locked(configured, run):
    configured.tamper["ATCA.GetInfo"] = lambda info: info | {"serial": "0123a1b2c3d4e5f6ff"}
    seen = run(configured, "chip", "lock", "config", "--yes-lock", "0123a1b2c3d4e5f6ff")
    assert seen.status == 4 and "garbles" in seen.err and "ATCA.LockZone" not in configured.calls
