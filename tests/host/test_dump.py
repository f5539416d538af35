"""A configuration's bytes in every form in which people paste them, and what is said of those that can't be read."""

import json

import pytest
from atecc.chip.config.load import load, loads
from atecc.errors import ArgumentError

# Both zones locked, on an ATECC608A: what most Arduino-family parts in the field carry (with a serial number made up).
ZONE = bytes.fromhex(
    "0123a1b200006002c3d4e5f6ee017100c0005500832087208720872f872f8f8f9f8faf8f0000000000000000000000000000af8f"
    "ffffffff00000000ffffffff00000000ffffffffffffffffffffffffffffffff00000000ffff0000000000003300330033003300"
    "33001c001c001c003c003c003c003c003c003c003c001c00"
)
ROWS = [ZONE[i : i + 16] for i in range(0, 128, 16)]


def lines(form, rows=ROWS, first=0):
    return "\n".join(form(first + 16 * n, row) for n, row in enumerate(rows)) + "\n"


def ascii_of(row):
    return "".join(chr(c) if 32 <= c < 127 else "." for c in row)


def c_array(rows=ROWS):
    return lines(lambda at, row: ", ".join(f"0x{x:02X}" for x in row) + f",  // {at + 15}", rows)


FORMS = {
    "C array": "static const uint8_t config[128] PROGMEM = {\n" + c_array() + "};\n",
    "C array from byte 16 on": "/* from 16 on */ uint8_t c[112] = {\n" + c_array(ROWS[1:]) + "};",
    "its lines": c_array(),
    "Rust": "[u8; 128] = [" + ", ".join(f"0x{x:02x}u8" for x in ZONE) + "];",
    "bytes of Python": repr(ZONE),
    "escapes": "config = b'" + "".join(f"\\x{x:02x}" for x in ZONE) + "'",
    "bytearray": f"bytearray({list(ZONE)})",
    "decimal JSON": json.dumps(list(ZONE)),
    "assignments": "\n".join(f"config[{n}] = 0x{x:02x};" for n, x in enumerate(ZONE)),
    "hexdump -C": lines(
        lambda at, row: f"{at:08x}  {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{ascii_of(row)}|"
    ),
    "xxd": lines(lambda at, row: f"{at:08x}: {row.hex(' ', 2)}  {ascii_of(row)}"),
    "od": lines(lambda at, row: f"{at:07o} {row.hex(' ')}") + "0000200\n",
    "offsets": lines(lambda at, row: f"{at:02x}: {row.hex(' ')}"),
    "offsets with 0x": lines(lambda at, row: f"0x{at:02X}: {row.hex(' ')}"),
    "decimal offsets": lines(lambda at, row: f"{at:3d}: {row.hex(' ')}"),
    "offsets from 16 on": lines(lambda at, row: f"{at:02x}: {row.hex(' ')}", ROWS[1:], 16),
    "an offset for each": "\n".join(
        "\t".join(f"{i + j:03d}: {ZONE[i + j]:02X}" for j in range(4)) for i in range(0, 128, 4)
    ),
    "glued": ZONE.hex(),
    "glued with 0x": "0x" + ZONE.hex().upper(),
    "glued 0x": "".join(f"0x{x:02x}" for x in ZONE),
    "words": " ".join(f"0x{ZONE[i : i + 4].hex()}" for i in range(0, 128, 4)),
    "colons": ZONE.hex(":"),
    "dashes": ZONE.hex("-"),
    "no leading zeros": " ".join(f"{x:X}" for x in ZONE),
    "h behind": " ".join(f"{x:02X}h" for x in ZONE),
    "a log of ESP-IDF": lines(lambda at, row: f"I (1234) chip: {row.hex(' ')}"),
    "its hexdump": lines(
        lambda at, row: f"I (9) c: 0x3ffb{at:04x}   {row[:8].hex(' ')}  {row[8:].hex(' ')}  |{ascii_of(row)}|"
    ),
    "a serial monitor": lines(lambda at, row: f"12:34:56.789 -> {row.hex(' ')}"),
    "a heading": "Config zone:\n" + lines(lambda at, row: row.hex(" ").upper()),
    "labels": f"SN[0:3]: {ZONE[:4].hex(' ')}\nRevNum: {ZONE[4:8].hex(' ')}\nthe rest: {ZONE[8:].hex(' ')}",
    "a mail": lines(lambda at, row: f"> {row.hex(' ')}"),
    "Markdown": f"```\n{ZONE.hex(' ')}\n```\n",
    "byte order mark": "\ufeff" + ZONE.hex(" "),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_that_is_read(form):
    assert loads(FORMS[form], "x").zone.data[16:] == ZONE[16:]


def test_a_serial_number_may_be_covered():
    zone = loads("01 23 .. .. 00 00 60 02 xx xx xx xx ?? " + ZONE[13:].hex(" "), "x").zone
    assert (zone.serial, zone.revision, zone.data[16:]) == ("012300000000000000", "00006002", ZONE[16:])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ZONE[:127].hex(" "), "has 127"),
        (ZONE[:88].hex(" "), "an ATSHA204A's configuration has 88"),
        (lines(lambda at, row: f"{at:02x}: {row.hex(' ')}", ROWS[:7]), "one has 128 bytes, this one has 112"),
        (lines(lambda at, row: f"{at:02x}: {row[:15].hex(' ')}"), "bytes too few or too many between them"),
        (ZONE.hex()[1:], "has 255 of them, and two make a byte"),
        (ZONE[:127].hex(" ") + " xyz", "'xyz' is no byte"),
        (ZONE[:20].hex(" ") + " .. " + ZONE[21:].hex(" "), "Byte 20 is covered"),
        ("{}", "there is no byte in it"),
    ],
)  # fmt: skip
def test_what_is_refused_says_what_it_is(text, said):
    from atecc.chip.config.dump import parse

    with pytest.raises(ArgumentError) as caught:
        parse(text) if text == "{}" else loads(text, "x")
    assert said in caught.value.message


@pytest.mark.parametrize(
    "data",
    [
        ZONE,
        ZONE[16:],
        ZONE.hex(" ").encode("utf-16"),
        b"\xef\xbb\xbf" + ZONE.hex().encode(),
        ZONE.hex(" ").encode() + b" # caf\xe9",
        FORMS["hexdump -C"].replace("\n", "\r").encode(),
    ],
)
def test_a_file_of_any_kind(tmp_path, data):
    (tmp_path / "x.bin").write_bytes(data)
    assert load(str(tmp_path / "x.bin")).zone.data[16:] == ZONE[16:]
