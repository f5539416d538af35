"""Configurations as files: ours, Mongoose OS's and hex. No bit is lost, and what is wrong is said with its line."""

import json
import random
from pathlib import Path

import pytest
import yaml
from atecc.chip.config import ConfigZone, chipwords, slotwords
from atecc.chip.config.document import FACTORY, ROLES, Configuration, Label, dump, parse
from atecc.chip.config.load import load, loads
from atecc.chip.config.presets import PRESETS, labels_of, preset, preset_text
from atecc.errors import ArgumentError

HEXES = Path(__file__).parents[2] / "boards" / "SIM" / "simchip" / "presets"
KINDS = ("blank", "tls", "mos", "trustflex", "tngtls")


def zone_of(data):
    return ConfigZone(bytes(16) + data)


def hex_of(kind):
    text = (HEXES / f"{kind}.hex").read_text()
    return bytes.fromhex("".join(line.split("#")[0] for line in text.splitlines()))


@pytest.mark.parametrize("seed", range(60))
def test_any_112_bytes_come_back(seed):
    zone = zone_of(random.Random(seed).randbytes(112))
    text = dump(Configuration(zone))
    assert parse(text, "x.yaml").zone == zone
    assert dump(parse(text, "x.yaml")) == text


@pytest.mark.parametrize("bit", range(0, 112 * 8, 7))
@pytest.mark.parametrize("ground", [FACTORY, bytes(112), b"\xff" * 112], ids=["factory", "zeros", "ones"])
def test_any_single_bit_comes_back(ground, bit):
    data = bytearray(ground)
    data[bit // 8] ^= 1 << bit % 8
    assert parse(dump(Configuration(zone_of(bytes(data)))), "x.yaml").zone.data[16:] == bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_chips_that_exist_come_back_with_their_labels(kind):
    zone = zone_of(hex_of(kind))
    configuration = Configuration(zone, labels_of(zone), "A chip: 'quoted' # not a comment")
    again = parse(dump(configuration, "a heading\nof two lines"), "x.yaml")
    assert (again.zone, again.labels, again.title) == (zone, configuration.labels, configuration.title)


@pytest.mark.parametrize("number", [0, 1, 15, 16, 31, 32, 47, 48, 1000, 2_097_151])
def test_counters_are_numbers(number):
    text = preset_text("tls") + f"counters: [{number}, 0]\n"
    assert f"counters: [{number}, 0]" in dump(parse(text, "x")) or number == 0


def test_a_counter_as_a_real_chip_stores_it():
    data = bytearray(hex_of("tngtls"))
    data[36:44] = bytes.fromhex("0000000100000000")  # bytes 52 to 59 of a used part
    assert "counters: [31, 0]" in dump(Configuration(zone_of(bytes(data))))


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_what_the_simulated_chip_has(name):
    assert preset(name).zone.data[16:] == hex_of(name)
    assert parse(dump(preset(name)), "x").zone == preset(name).zone


def test_the_preset_names_its_slots():
    labels = preset("tls").labels
    assert (labels[0].role, labels[1].role, str(labels[1])) == ("device key", "spare key", "spare device key")
    assert labels[10] == Label("certificate", "device certificate")


def test_a_file_on_top_of_the_factorys():
    text = "base: factory\nslots:\n  1, 3-4: {type: data, read: anybody, write: nobody}\nchip: {watchdog: long}\n"
    zone = parse(text, "x").zone
    assert zone.long_watchdog and zone.slots[0] == zone_of(FACTORY).slots[0]
    assert {zone.slots[n].slot_config for n in (1, 3, 4)} == {0x800F}


@pytest.mark.parametrize("kind", KINDS)
def test_hex_is_read_with_any_blanks(kind):
    data = hex_of(kind)
    for text in (data.hex(), data.hex(" ").upper(), "\n# a chip\n" + data.hex("\n"), "0x" + data.hex(":")):
        assert loads(text, "x.hex").zone.data[16:] == data
    assert loads((bytes(range(16)) + data).hex(" "), "x.hex").zone.data[:16] == bytes(range(16))


# Mongoose OS


def mongoose(data):
    """The bytes as `mos atca-get-config` would write them."""
    flag = lambda word, bit: str(bool(word >> bit & 1)).lower()  # noqa: E731
    word = lambda at: data[at - 16] | data[at - 15] << 8  # noqa: E731
    long = lambda at: int.from_bytes(data[at - 16 : at - 8], "big")  # noqa: E731
    lines = ["reserved13: 1", "revision: 24578", "i2cenable: true", "reserved15: 0", f"i2caddress: {data[0]}"]
    lines += [f"reserved17: {data[1]}", f"otpmode: {data[2]}  # a comment", "chipmode:"]
    lines += [f"  selectorwriteonce: {flag(data[3], 0)}", f"  ttlenable: {flag(data[3], 1)}"]
    lines += [f"  watchdogduration: {'10s' if data[3] & 4 else '1s'}", "slotinfo:"]
    for n in range(16):
        rules, key = word(20 + 2 * n), word(96 + 2 * n)
        lines += [f"- num: {n}", "  slotconfig:"]
        if key & 1:
            lines.append("    privatekeyslotconfig:")
            names = ("extsignenable", "intsignenable", "ecdhenable", "ecdhtonextslot")
            lines += [f"      {name}: {flag(rules, bit)}" for bit, name in enumerate(names)]
        else:
            lines.append(f"    readkey: {rules & 15}")
        names = ("nomac", "limiteduse", "encryptread", "issecret")
        lines += [f"    {name}: {flag(rules, bit + 4)}" for bit, name in enumerate(names)]
        lines += [f"    writekey: {rules >> 8 & 15}", f"    writeconfig: {rules >> 12}", "  keyconfig:"]
        kinds = {4: "ECC", 6: "AES", 7: "NonECC" if n % 2 else "Other"}
        lines += [f"    private: {flag(key, 0)}", f"    pubinfo: {flag(key, 1)}"]
        lines += [f"    keytype: {kinds[key >> 2 & 7]}", f"    lockable: {flag(key, 5)}"]
        lines += [f"    reqrandom: {flag(key, 6)}", f"    reqauth: {flag(key, 7)}"]
        lines += [f"    authkey: {key >> 8 & 15}", f"    intrusiondisable: {flag(key, 12)}"]
        lines += [f"    x509id: {key >> 14}"]
    lines += [f"{name}: {long(at)}" for name, at in (("counter0", 52), ("counter1", 60), ("lastkeyuse0", 68))]
    lines += [f"lastkeyuse1: {long(76)}", "userextra: 0", "selector: 0", "lockvalue: Unlocked"]
    lines += ["lockconfig: Unlocked", f"slotlocked: {word(88)}", f"reserved90: {data[74]}"]
    lines += [f"reserved91: {data[75]}", "x509format:"]
    for at in range(92, 96):
        lines += [
            f"- publicposition: {data[at - 16] & 15}",
            f"  templatelength: {data[at - 16] >> 4}",
        ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", ["blank", "tls", "mos"])
def test_mongooses_format_is_read(kind):
    read = loads(mongoose(hex_of(kind)), "atca.yaml")
    assert read.zone.data[16:].hex() == hex_of(kind).hex()
    assert read.zone.data[13] == 1 and read.zone.revision == "00006002"
    assert str(read.labels[0]) == "device key"


GO = {"serialnum": "SerialNum", "i2caddress": "I2CAddress", "i2cenable": "I2CEnable", "slotinfo": "SlotInfo"}


@pytest.mark.parametrize(
    "serial", [[1, 35, 161, 178, 195, 212, 229, 246, 238], "ASOhssPU5fbu", "0123a1b2c3d4e5f6ee"]
)
def test_mongooses_json_is_read_with_the_names_of_go(serial):
    capital = lambda x: (  # noqa: E731
        {GO.get(k, k.title()): capital(v) for k, v in x.items()}
        if isinstance(x, dict)
        else [capital(v) for v in x]
        if isinstance(x, list)
        else x
    )
    document = yaml.safe_load(mongoose(hex_of("mos"))) | {"serialnum": serial, "i2cenable": False}
    read = loads(json.dumps(capital(document), indent="\t"), "atca.json")
    assert read.zone.data[16:].hex() == hex_of("mos").hex()
    assert (read.zone.serial, read.zone.i2c_enabled) == ("0123a1b2c3d4e5f6ee", False)


def test_mongooses_private_slots_may_have_a_readkey():
    uses = (
        "    privatekeyslotconfig:\n"
        + "".join(f"      {name}: true\n" for name in ("extsignenable", "intsignenable", "ecdhenable"))
        + "      ecdhtonextslot: false\n"
    )
    text = mongoose(hex_of("mos"))
    assert uses in text
    assert loads(text.replace(uses, "    readkey: 7\n"), "x").zone == loads(text, "x").zone


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("- num: 3", "- num: 2", "slot 2 is there twice"),
        ("- num: 3", "- num: 16", "16 is not between 0 and 15"),
        ("writekey: 4", "writekey: 40", "slot 0, slotconfig, writekey: 40 is not between 0 and 15"),
        ("keytype: ECC", "keytype: RSA", "slot 0, keyconfig, keytype: 'RSA' is not known"),
        ("otpmode: 85", "otpmode: often", "otpmode: 'often' is no number"),
        ("watchdogduration: 1s", "watchdogduration: 2s", "'2s' is not known here"),
        ("slotlocked: 65535\n", "", "slotlocked is missing"),
        (
            "private: true",
            "private: false",
            "slot 0, slotconfig: readkey is missing: the slot is not private",
        ),
        ("lockable: true", "locable: true", "slot 0, keyconfig, locable: there is no such field here"),
        ("x509format:\n- publicposition: 0\n  templatelength: 0\n", "x509format:\n", "four formats"),
    ],
)
def test_mongooses_format_with_a_mistake(old, new, said):
    text = mongoose(hex_of("mos"))
    assert old in text
    with pytest.raises(ArgumentError, match=r"atca\.yaml, line \d+") as caught:
        loads(text.replace(old, new, 1), "atca.yaml")
    assert said in caught.value.message


# Mistakes in ours


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    use: [sign, attest, ECDH]", "    use: [sing]", "slot 0, use: 'sing' is not known here"),
        ("    generate: yes", "    generate: maybe", "slot 0, generate: 'maybe' is neither yes nor no"),
        ("    generate: yes\n", "", "slot 0: its `generate` is missing"),
        ("    type: private key", "    type: private kye", "slot 0, type: 'private kye' is not known"),
        ("    type: private key\n", "", "slot 0: its `type` is missing"),
        ("    import: no", "    import: sealed with slot 16", "slot 0, import:"),
        ("    lockable: yes", "    lokable: yes", "slot 0, lokable: there is no such field here"),
        ("    role: device key", "    role: king", "slot 0, role: 'king' is not known"),
        ("  0:", "  16:", "'16' is no slot"),
        ("  0:", "  1:", "1: is there twice"),
        ("  4-5:", "  3-5:", "slot 3 is there twice"),
        ("  4-5:", "  5:", "slot 4 is missing"),
        ("  i2c-address: 0x60", "  i2c-address: 0x80", "i2c-address: 0x80 is not between 0x00 and 0x7f"),
        ("  i2c-address: 0x60", "  i2c-adress: 0x60", "i2c-adress: there is no such field here"),
        ("slots:", "sluts:", "sluts: there is no such field here"),
    ],
)
def test_a_mistake_is_named_with_its_line(old, new, said):
    text = preset_text("tls")
    assert old in text
    with pytest.raises(ArgumentError) as caught:
        loads(text.replace(old, new, 1), "my.yaml")
    assert said in caught.value.message
    line = text.replace(old, new, 1)[: text.index(old)].count("\n") + 1
    at = int(caught.value.message.removeprefix("my.yaml, line ").split(":")[0])
    assert at == line or "is missing" in said or "is there twice" in said


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("raw: {16: c2}", "by these bytes i2c-address is 0x61"),
        ("raw: {20: 83}", "by these bytes slot 0 is 83 20 / 33 00"),
        ("raw: {12: 00}", "no offset of bytes 16 to 127"),
        ("raw: {127: 0000}", "no offset of bytes 16 to 127"),
        ("raw: {17: 0}", "no bytes in hex"),
        ("counters: [1]", "two numbers"),
        ("counters: [2097152, 0]", "not between"),
        ("counters: 0", "a list is expected"),
        ("counters: [[0], 0]", "one value is expected"),
        ("chip: {}", "is there twice"),
        ("base: factory\nbase: factory", "is there twice"),
        ("base: ours", "'ours' is not known here"),
    ],
)
def test_raw_never_contradicts_the_words(more, said):
    with pytest.raises(ArgumentError, match=r"my\.yaml, line") as caught:
        loads(preset_text("tls") + more, "my.yaml")
    assert said in caught.value.message


def test_raw_says_what_has_no_words():
    zone = loads(preset_text("tls") + "raw: {17: 01, 75: 0a 0b}", "my.yaml").zone
    assert zone.data[17] == 1 and zone.data[75:78] == b"\x0a\x0b\x00"


def test_raw_of_a_slot_never_contradicts_its_words():
    text = preset_text("tls").replace("    generate: yes", "    generate: yes\n    raw: 87 40 / 33 00", 1)
    with pytest.raises(
        ArgumentError, match="slot 0, raw: contradicts the words: by these bytes `generate` is no"
    ):
        loads(text, "my.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no configuration in it"),
        ("# nothing\n", "there is no configuration in it"),
        ("slots: [", "line 1: this is not YAML"),
        ("slots: {}\n", "slot 0, 1, 2"),
        ("chip: {}\n", "its `slots` are missing"),
        ("- a\n", "a table of names and values"),
        ("hello\n", "a table of names and values"),
        ("a: &a [*a]\n", "there is no such field"),
        ("c0 00", "has 2"),
        ("[" * 5000, "x.yaml"),
        ("slots: !!python/object/apply:os.system ['true']", "a table of names and values"),
    ],
)
def test_files_that_are_no_configuration(text, said):
    with pytest.raises(ArgumentError) as caught:
        loads(text, "x.yaml")
    assert said in caught.value.message and "x.yaml" in caught.value.message


def test_files_that_cannot_be_read(tmp_path):
    for path, said in ((tmp_path / "none.yaml", "can't be read"), (tmp_path, "can't be read")):
        with pytest.raises(ArgumentError, match=said):
            load(str(path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ArgumentError, match="not a text file"):
        load(str(tmp_path / "binary"))
    (tmp_path / "huge").write_text("00 " * 200_000)
    with pytest.raises(ArgumentError, match="far too large"):
        load(str(tmp_path / "huge"))


def test_the_documented_example_is_one():
    text = (Path(__file__).parents[2] / "host" / "CONFIGURATION.md").read_text()
    configuration = loads(text.split("```yaml\n")[1].split("```")[0], "example.yaml")
    assert str(configuration.labels[0]) == "signing key" and configuration.zone.slots[9].write_key == 4


def test_every_word_is_documented():
    text = (Path(__file__).parents[2] / "host" / "CONFIGURATION.md").read_text()
    words = {*slotwords.COMMON, *slotwords.FLAGS, *slotwords.PRIVATE, *slotwords.OTHER, *ROLES}
    words |= {field.name for field in chipwords.FIELDS if not field.name.startswith("x509-format-")}
    slots = {word for word in words if word.endswith("-slot") and not word.startswith("secure-boot")}
    assert {word for word in words - slots - {"name"} if f"`{word}`" not in text} == set()
    assert {word for word in slots if f"`{word.removesuffix('-slot')}`" not in text} == set()


def test_a_file_with_a_presets_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load("tls").title == "TLS client with a spare key"
    (tmp_path / "tls").write_text(hex_of("blank").hex())
    assert load("tls").zone.data[16:] == FACTORY
