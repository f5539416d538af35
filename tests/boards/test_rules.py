"""Every board keeps every rule, and every rule notices when it is broken."""

from pathlib import Path

import pytest
from boards.places import Board
from boards.rules import RULES

C3 = "ESP32_GENERIC_C3_ATECC608"
CORE2 = "M5STACK_CORE2_AWS_ATECC608"
PLAIN = "ESP32_GENERIC_ATECC608"

# Board, file, what stands there, what is put there instead, and what must be said about it.
BREAKS = [
    (C3, "board.py", "KEY_SLOTS", "SLOTS", "board.py has no KEY_SLOTS"),
    (C3, "board.py", f'"{C3}"', '"C3"', f"NAME is C3, the directory {C3}"),
    (C3, "board.py", '"esp32c3"', '"esp32"', "ARCH is esp32, but ESP32_GENERIC_C3 is for esp32c3"),
    (
        C3,
        "mpconfigboard.cmake",
        "GENERIC_C3",
        "GENERIC_C6",
        "ARCH is esp32c3, but ESP32_GENERIC_C6 is for esp32c6",
    ),
    (CORE2, "board.py", "0x35", "0x6A", "no ATECC608 is sold with address 106"),
    (C3, "board.py", "100_000", "400", "I2C_HZ is 400: the chip does 100 kHz to 1 MHz"),
    (C3, "board.py", "(0, 1)", "(1, 1)", "KEY_SLOTS are (1, 1): two different ones of 16"),
    (CORE2, "board.py", "(0, 2)", "(0, 1)", "Trust&GO and TrustFLEX sign with slot 0"),
    (C3, "board.py", "0.0.0.0", "127.0.0.1", "LISTEN is 127.0.0.1"),
    (C3, "board.py", "(4, 1)", "(1, 4)", "CONNECTIONS are (1, 4)"),
    (C3, "board.py", "SCL = 9", "SCL = 18", "SCL: GPIO 18 of esp32c3 is USB"),
    (C3, "board.py", "SCL = 9", "SCL = 8", "SCL and SDA are one pin"),
    (C3, "board.py", "SDA = 8", "SDA = 22", "SDA: esp32c3 has no GPIO 22"),
    (PLAIN, "board.py", "SDA = 21", "SDA = 34", "SDA: GPIO 34 of esp32 is input only"),
    (
        PLAIN,
        "board.py",
        "SDA = 21",
        "SDA = 12",
        "GPIO 12 of esp32 is a strapping pin that must be low at reset",
    ),
    (PLAIN, "mpconfigboard.h", "(22)", "(23)", "machine.I2C(0) has SCL on (23), board.py says 22"),
    (C3, "mpconfigboard.h", "GENERIC_C3", "GENERIC_C6", "mpconfigboard.h is not about ESP32_GENERIC_C3"),
    (C3, "mpconfigboard.h", "#pragma once", "", 'included twice: "MICROPY_HW_BOARD_NAME" redefined'),
    (C3, "mbedtls/mbedtls_config_port.h", None, None, "mbedtls/mbedtls_config_port.h is missing"),
    ("common", "mbedtls_config_port.h", "#undef", "// #undef", "MBEDTLS_ENTROPY_HARDWARE_ALT stays defined"),
    (C3, "sdkconfig.board", "# Nothing", "CONFIG_NOTHING=y\n#", "nothing in MicroPython"),
    (C3, "sdkconfig.board", "# Nothing", "Nothing", "is no option"),
    ("common", "board.cmake", "MICROPY_SOURCE_BOARD", "MICROPY_SOURCES", "doesn't set MICROPY_SOURCE_BOARD"),
    ("common", "board.cmake", "MICROPY_SOURCE_BOARD", "MICROPY_SOURCES", "port doesn't read MICROPY_SOURCES"),
    ("common", "board.cmake", "SSL_ECDSA_SIGN_ALT=", "SSL_SIGN_ALT=", "asks for MICROPY_PY_SSL_SIGN_ALT"),
    ("common", "board.cmake", "INITIAL_HEAP_SIZE", "FIRST_HEAP_SIZE", "asks for MICROPY_GC_FIRST_HEAP_SIZE"),
    (
        "common",
        "board.cmake",
        "MICROPY_PY_BLUETOOTH=0",
        "MICROPY_PY_BLUETOOTH=1",
        "one half of the build only",
    ),
    ("common", "sdkconfig.common", "RX_BA_WIN=4", "RX_BA_WIN=9", "RX_BA_WIN 9 is more than"),
    ("common", "sdkconfig.common", "CONFIG_BT_ENABLED=n", "", "one half of the build only"),
    ("common", "board.cmake", "ecdsa_write_signature", "ecdsa_sign", "has no __wrap_mbedtls_ecdsa_sign"),
    ("common", "board.cmake", "--undefined=__", "--undefined=", "the link fails"),
    (
        "common",
        "board.cmake",
        "-Wl,--wrap=mbedtls_ecdsa_write_signature",
        "",
        "the chip would never be asked to sign",
    ),
]


def complaints(board: Board) -> list[str]:
    return [complaint for rule in RULES for complaint in rule(board)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule(board: Board, rule) -> None:
    assert rule(board) == []


@pytest.mark.parametrize(("where", "file", "old", "new", "said"), BREAKS, ids=[case[4] for case in BREAKS])
def test_what_is_broken_is_noticed(clone: Path, where: str, file: str, old: str, new: str, said: str) -> None:
    path = clone / "boards" / where / file
    if old is None:
        path.unlink()
    else:
        assert old in path.read_text(), "this test has nothing to break any more"
        path.write_text(path.read_text().replace(old, new))
    board = Board(clone / "boards" / (C3 if where == "common" else where))
    # Without a name in board.py there is nothing more to ask of it.
    noticed = RULES[0](board) or complaints(board)
    assert [complaint for complaint in noticed if said in complaint], noticed
