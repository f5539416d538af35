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
    assert seen.status == 5 and "The config zone is locked" in seen.err and "differs in slot 0" in seen.err
    assert "ATCA.SetConfig" not in board.calls


def test_set_again_is_safe(configured, run):
    again = run(configured, "chip", "config", "set", "--yes")
    assert again.status == 0 and "holds already; nothing was written" in again.out
    assert "used for" not in again.err, "what doesn't change is not shown"
    assert run(configured, "chip", "lock", "config", "--yes-lock", SERIAL).status == 0
    configured.config[52:60] = b"\xff\x7f\xff\xff\0\0\0\0"  # a counter counted
    configured.config[88] = 0xFD  # slot 1 was locked
    configured.calls.clear()
    for more in ([], ["--rehearse"], ["--yes"]):
        seen = run(configured, "chip", "config", "set", *more)
        assert seen.status == 0 and "holds already, locked; nothing was written" in seen.out
        assert "lock config" not in seen.err
    data = run(configured, "chip", "config", "set", "--json").json
    assert data["locked"] and not data["written"]
    assert "ATCA.SetConfig" not in configured.calls


def test_set_shows_the_slots_once(blank, run):
    assert run(blank, "chip", "config", "set", "--yes").err.count("used for") == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--preset", "nonsense"], "no preset 'nonsense'"),
        (["/no-such-folder.hex"], "can't be read"),
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
        assert "--holds FILE" in seen.err


@pytest.mark.parametrize("zone", [["config"], ["data"], ["slot", 1]])
def test_lock_again_is_safe(configured, run, zone, tmp_path):
    for one in ("config", "data"):
        assert run(configured, "chip", "lock", one, "--yes-lock", SERIAL).status == 0
    configured.config[88] &= ~(1 << 1)
    configured.calls.clear()
    paper = tmp_path / "chip.json"
    paper.write_text("of the first time")
    lock = ["chip", "lock", *zone, "--holds", "tls", "--receipt", paper, "--rehearse"]
    for more in (["--yes-lock", SERIAL], ["--confirm"], []):
        seen = run(configured, *lock, *more)
        assert seen.status == 0 and "is locked already" in seen.out and "preset" not in seen.err
    assert paper.read_text() == "of the first time"
    data = run(configured, *lock, "--json").json
    assert data["locked"] and data["already"] and data["serial"] == SERIAL and data["zone"] == zone[0]
    assert run(configured, *lock, "--yes-lock", "0123000000000000ee").status == 5
    configured.config[16] = 0x6A
    seen = run(configured, *lock, "--yes-lock", SERIAL)
    assert seen.status == 5 and "does not hold what preset tls says" in seen.err
    assert not {"ATCA.LockZone", "ATCA.LockSlot"} & set(configured.calls)


def test_what_was_locked_is_not_compared_afterwards(configured, run):
    for one in ("config", "data"):
        run(configured, "chip", "lock", one, "--yes-lock", SERIAL)
    seen = run(configured, "chip", "lock", "data", "--holds", "tls", "--data-crc", "1")
    assert seen.status == 5 and "leave --data-crc out" in seen.err


def test_a_lock_says_what_is_otherwise_afterwards(configured, run):
    dry = run(configured, "chip", "lock", "config")
    assert dry.out.count("used for") == 1 and "From then on" in dry.out and "atecc provision" in dry.out
    seen = run(configured, "chip", "lock", "config", "--yes-lock", SERIAL)
    assert seen.err.count("used for") == 1 and "Next: atecc chip lock data" in seen.err
    assert "only as their rules say" in run(configured, "chip", "lock", "data").out
    seen = run(configured, "chip", "lock", "data", "--yes-lock", SERIAL)
    assert "used for" not in seen.err and "to write to the OTP area" in seen.err
    assert "atecc provision" in seen.err.splitlines()[-1]


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
