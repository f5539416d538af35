"""What must be true of every ESP32 board here. A rule takes a Board and gives its complaints: none, if all is well."""

import re
from collections.abc import Callable

from boards.places import MICROPYTHON, PORT, Board, macros, version, warnings_when_included_twice

NAMES = ["NAME", "ARCH", "I2C", "SCL", "SDA", "I2C_HZ", "ATECC_ADDRESS", "KEY_SLOTS", "LISTEN", "CONNECTIONS"]
# 7-bit, as in firmware/atecc608/bus.py.
ADDRESSES = (None, 0x60, 0x35, 0x36, 0x59, 0x58)
TRUST_PLATFORM = (0x35, 0x36)  # Trust&GO, TrustFLEX

# Options that the port's own fragments don't mention, and where they come from.
ELSEWHERE = {
    "CONFIG_MBEDTLS_ECDSA_DETERMINISTIC": "ESP-IDF, components/mbedtls/Kconfig",
    "CONFIG_MBEDTLS_DYNAMIC_BUFFER": "ESP-IDF, components/mbedtls/Kconfig",
    "CONFIG_MBEDTLS_SSL_KEEP_PEER_CERTIFICATE": "ESP-IDF, components/mbedtls/Kconfig",
    "CONFIG_ESP_WIFI_STATIC_RX_BUFFER_NUM": "ESP-IDF, components/esp_wifi/Kconfig",
    "CONFIG_ESP_WIFI_DYNAMIC_RX_BUFFER_NUM": "ESP-IDF, components/esp_wifi/Kconfig",
    "CONFIG_ESP_WIFI_DYNAMIC_TX_BUFFER_NUM": "ESP-IDF, components/esp_wifi/Kconfig",
    "CONFIG_MBEDTLS_HARDWARE_AES": "ESP-IDF, components/mbedtls/Kconfig",
    "CONFIG_MBEDTLS_HARDWARE_SHA": "ESP-IDF, components/mbedtls/Kconfig",
    "CONFIG_MBEDTLS_HARDWARE_MPI": "ESP-IDF, components/mbedtls/Kconfig",
    "CONFIG_ETH_USE_OPENETH": "ESP-IDF, components/esp_eth/Kconfig",
    "CONFIG_ESP_WIFI_RX_BA_WIN": "ESP-IDF, components/esp_wifi/Kconfig",
}

# Per chip: what a GPIO must not carry the bus for. Sources: the chips' data sheets, sections "Pin Definitions" and
# "Strapping Pins" (Boot Configurations). A strapping pin that must be high at reset will do: the pull-ups see to that.
EXISTING = {
    "esp32": {*range(40)} - {20, 24, *range(28, 32)},
    "esp32s3": {*range(49)} - {22, 23, 24, 25},
    "esp32c3": {*range(22)},
    "esp32c6": {*range(31)},
}
TAKEN = {
    "esp32": {
        "the flash": range(6, 12),
        "input only": range(34, 40),
        "the console": (1, 3),
        "the PSRAM of some modules": (16, 17),
        "a strapping pin that must be low at reset": (2, 12),
    },
    "esp32s3": {
        "the flash and the PSRAM": range(26, 38),
        "USB": (19, 20),
        "the console": (43, 44),
        "a strapping pin that must be low at reset": (45, 46),
    },
    "esp32c3": {"the flash": range(11, 18), "USB": (18, 19), "the console": (20, 21)},
    "esp32c6": {"the flash": range(24, 31), "USB": (12, 13), "the console": (16, 17)},
}


def board_py_has_every_name(board: Board) -> list[str]:
    return [f"board.py has no {name}" for name in NAMES if not hasattr(board.py, name)]


def board_py_says_what_is_so(board: Board) -> list[str]:
    py = board.py
    claims = {
        f"NAME is {py.NAME}, the directory {board.name}": board.name == py.NAME,
        f"ARCH is {py.ARCH}, but {board.base} is for {board.chip}": board.chip == py.ARCH,
        f"no ATECC608 is sold with address {py.ATECC_ADDRESS}": py.ATECC_ADDRESS in ADDRESSES,
        f"I2C_HZ is {py.I2C_HZ}: the chip does 100 kHz to 1 MHz": 100_000 <= py.I2C_HZ <= 1_000_000,
        f"KEY_SLOTS are {py.KEY_SLOTS}: two different ones of 16": len({*py.KEY_SLOTS} & {*range(16)}) == 2,
        f"KEY_SLOTS are {py.KEY_SLOTS}: Trust&GO and TrustFLEX sign with slot 0, and make keys in 2 to 4 only": (
            py.ATECC_ADDRESS not in TRUST_PLATFORM or (py.KEY_SLOTS[0] == 0 and py.KEY_SLOTS[1] in (2, 3, 4))
        ),
        f"LISTEN is {py.LISTEN}": py.LISTEN == "0.0.0.0",
        f"CONNECTIONS are {py.CONNECTIONS}": py.CONNECTIONS[0] > py.CONNECTIONS[1] >= 1,
    }
    return [complaint for complaint, true in claims.items() if not true]


def pins_are_free(board: Board) -> list[str]:
    pins = {"SCL": board.py.SCL, "SDA": board.py.SDA}
    found = ["SCL and SDA are one pin"] if len({*pins.values()}) == 1 else []
    for name, pin in pins.items():
        if pin not in EXISTING[board.chip]:
            found.append(f"{name}: {board.chip} has no GPIO {pin}")
        found += [
            f"{name}: GPIO {pin} of {board.chip} is {use}"
            for use, them in TAKEN[board.chip].items()
            if pin in them
        ]
    return found


def header_and_board_py_agree(board: Board) -> list[str]:
    defined = macros(board.directory / "mpconfigboard.h")
    found = [
        f"machine.I2C({board.py.I2C}) has {name} on {defined.get(macro)}, board.py says {pin}"
        for name, pin in (("SCL", board.py.SCL), ("SDA", board.py.SDA))
        if defined.get(macro := f"MICROPY_HW_I2C{board.py.I2C}_{name}") != f"({pin})"
    ]
    own = macros(PORT / "boards" / board.base / "mpconfigboard.h")
    if defined.get("MICROPY_HW_MCU_NAME") != own["MICROPY_HW_MCU_NAME"]:
        found.append(f"mpconfigboard.h is not about {board.base}")
    return found


def header_may_come_twice(board: Board) -> list[str]:
    said = warnings_when_included_twice(board.directory / "mpconfigboard.h")
    return [f"mpconfigboard.h, included twice: {warning}" for warning in said]


def mbedtls_header_is_there(board: Board) -> list[str]:
    header = board.directory / "mbedtls/mbedtls_config_port.h"
    if not header.is_file():
        return ["mbedtls/mbedtls_config_port.h is missing: MicroPython from 1.28 on wants it"]
    if "MBEDTLS_ENTROPY_HARDWARE_ALT" in macros(header, "-DMBEDTLS_ENTROPY_HARDWARE_ALT"):
        return ["MBEDTLS_ENTROPY_HARDWARE_ALT stays defined: a second mbedtls_hardware_poll with ESP-IDF 5.5"]
    return []


def known_options() -> set[str]:
    fragments = [*PORT.glob("boards/sdkconfig.*"), *PORT.glob("boards/*/sdkconfig.*")]
    return {name for file in fragments for name in re.findall(r"(?m)^(CONFIG_\w+)=", file.read_text())}


def options_are_known(board: Board) -> list[str]:
    known = known_options() | {*ELSEWHERE}
    found = []
    for file in (board.directory / "sdkconfig.board", board.common / "sdkconfig.common"):
        for line in file.read_text().splitlines():
            match = re.fullmatch(r"(CONFIG_\w+)=(y|n||\d+|\".*\")", line)
            if line and not line.startswith("#") and not match:
                found.append(f"{file.name}: {line!r} is no option")
            elif match and match[1] not in known:
                found.append(f"{file.name}: nothing in MicroPython {version()}'s port knows {match[1]}")
    return found


def cmake_variables_are_read(board: Board) -> list[str]:
    """Everything that board.cmake hands on, and MicroPython's files take up."""
    text = (board.common / "board.cmake").read_text()
    handed = {*re.findall(r"list\(APPEND (\w+)", text), *re.findall(r"set\((MICROPY_FROZEN_MANIFEST)", text)}
    readers = [
        PORT / "CMakeLists.txt",
        *PORT.glob("*.cmake"),
        *PORT.glob("main*/*"),
        *MICROPYTHON.glob("py/*.cmake"),
    ]
    port = "".join(file.read_text() for file in readers)
    expected = {"SDKCONFIG_DEFAULTS", "MICROPY_DEF_BOARD", "MICROPY_SOURCE_BOARD", "MICROPY_FROZEN_MANIFEST"}
    unread = {name for name in handed if f"${{{name}}}" not in port}
    return [f"board.cmake doesn't set {name}" for name in sorted(expected - handed)] + [
        f"MicroPython {version()}'s port doesn't read {name}" for name in sorted(unread)
    ]


def definitions_are_asked_for(board: Board) -> list[str]:
    """The port lets a board define it, or a source looks whether one has."""
    names = re.findall(r"APPEND MICROPY_DEF_BOARD (\w+)=", (board.common / "board.cmake").read_text())
    port, tls = (PORT / "mpconfigport.h").read_text(), (MICROPYTHON / "extmod/modtls_mbedtls.c").read_text()
    return [
        f"no source of MicroPython {version()} asks for {name}"
        for name in names
        if not re.search(rf"#ifndef {name}\b", port) and not re.search(rf"#if {name}\b", tls)
    ]


def wifi_buffers_fit_together(board: Board) -> list[str]:
    """ESP-IDF's wifi_init.c doesn't compile otherwise."""
    options = dict(
        re.findall(r"(?m)^CONFIG_ESP_WIFI_(\w+)=(\d+)", (board.common / "sdkconfig.common").read_text())
    )
    window, static, dynamic = (
        int(options[name]) for name in ("RX_BA_WIN", "STATIC_RX_BUFFER_NUM", "DYNAMIC_RX_BUFFER_NUM")
    )
    fits = window <= dynamic and window <= 2 * static
    return (
        []
        if fits
        else [f"RX_BA_WIN {window} is more than {dynamic} dynamic or twice {static} static buffers"]
    )


def without_bluetooth_it_is_left_out_whole(board: Board) -> list[str]:
    """MicroPython's module would not compile without ESP-IDF's, and ESP-IDF's would hold its memory for nobody."""
    module = "MICROPY_PY_BLUETOOTH=0" in (board.common / "board.cmake").read_text()
    option = "CONFIG_BT_ENABLED=n" in (board.common / "sdkconfig.common").read_text()
    return [] if module == option else ["Bluetooth is left out of one half of the build only"]


def the_hook_is_in_the_sources(board: Board) -> list[str]:
    """The wrappers are there, and the linker is told to use them."""
    text = (board.common / "board.cmake").read_text()
    found = []
    alt = (MICROPYTHON / "extmod/mbedtls/mbedtls_alt.c").read_text()
    wrapped = re.findall(r"--wrap=(\w+)", text)
    ours = (board.common / "heap.c").read_text()
    for name in wrapped:
        if f"size_t __wrap_{name}(" not in ours and f"int __wrap_{name}(" not in alt:
            found.append(f"mbedtls_alt.c of MicroPython {version()} has no __wrap_{name}")
        if f"--undefined=__wrap_{name}" not in text:
            found.append(f"without --undefined=__wrap_{name} the link fails")
    signs = any(name.startswith("mbedtls_") for name in wrapped)
    return found if signs else ["no function is wrapped: the chip would never be asked to sign"]


RULES: list[Callable[[Board], list[str]]] = [
    board_py_has_every_name,
    board_py_says_what_is_so,
    pins_are_free,
    header_and_board_py_agree,
    header_may_come_twice,
    mbedtls_header_is_there,
    options_are_known,
    cmake_variables_are_read,
    definitions_are_asked_for,
    wifi_buffers_fit_together,
    without_bluetooth_it_is_left_out_whole,
    the_hook_is_in_the_sources,
]
