"""The boards' CMake files, run by cmake in MicroPython's own CMakeLists.txt. ESP-IDF is played by two files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from boards.places import BUILD, MICROPYTHON, PORT, ROOT, Board

# In place of ESP-IDF's: where the port has read the board's files, tell what they have set.
PROJECT = """
function(idf_build_set_property)
endfunction()
macro(project name)
    _project(${name} NONE)
    get_directory_property(LINK_OPTIONS LINK_OPTIONS)
    foreach(variable IDF_TARGET MICROPY_FROZEN_MANIFEST MICROPY_DEF_BOARD MICROPY_SOURCE_BOARD LINK_OPTIONS
            MICROPY_MANIFEST_PARTS_DIR)
        file(APPEND ${CMAKE_BINARY_DIR}/seen "${variable}=${${variable}}\\n")
    endforeach()
endmacro()
"""
VERSION = "set(IDF_VERSION_MAJOR {})\nset(IDF_VERSION_MINOR {})\nset(IDF_VERSION_PATCH {})\n"


def make_idf(directory: Path, version: str) -> Path:
    tools = directory / "tools/cmake"
    tools.mkdir(parents=True)
    (tools / "project.cmake").write_text(PROJECT)
    (tools / "version.cmake").write_text(VERSION.format(*version.split(".")))
    return directory


@pytest.fixture
def idf(tmp_path: Path) -> Path:
    return make_idf(tmp_path / "esp-idf", "5.5.4")


def cmake() -> tuple[str, dict[str, str]]:
    """The machine's, or the one that `make test` has fetched, and what it needs to run."""
    fetched = BUILD / "cmake/usr/bin/cmake"
    if here := shutil.which("cmake"):
        return here, {}
    return str(fetched), {
        "LD_LIBRARY_PATH": ":".join(map(str, (BUILD / "cmake/usr/lib").glob("*-linux-gnu")))
    }


def configure(
    board: Board, idf: Path, into: Path, port: Path = PORT, parts: Path = BUILD
) -> subprocess.CompletedProcess[str]:
    program, more = cmake()
    return subprocess.run(
        [
            program,
            "-S",
            port,
            "-B",
            into,
            f"-DMICROPY_BOARD={board.name}",
            f"-DMICROPY_BOARD_DIR={board.directory}",
        ],
        env={**os.environ, **more, "IDF_PATH": str(idf), "ATECC_PARTS": str(parts)},
        capture_output=True,
        text=True,
        check=False,
    )


def configured(board: Board, idf: Path, into: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    """What is set then, and the options of ESP-IDF: of several settings of one, the last counts."""
    done = configure(board, idf, into)
    assert done.returncode == 0, done.stderr
    pairs = (line.partition("=") for line in (into / "seen").read_text().splitlines())
    options = (line.partition("=") for line in (into / "sdkconfig.combined").read_text().splitlines())
    return {name: value.split(";") for name, _, value in pairs}, {name: value for name, _, value in options}


def test_board(board: Board, idf: Path, tmp_path: Path) -> None:
    seen, options = configured(board, idf, tmp_path / "build")
    assert seen["IDF_TARGET"] in ([board.chip], [""] if board.chip == "esp32" else [])
    assert seen["MICROPY_FROZEN_MANIFEST"] == [str(board.directory / "manifest.py")]
    assert {"MICROPY_PY_SSL_ECDSA_SIGN_ALT=1", "MICROPY_PY_BLUETOOTH=0"} <= {*seen["MICROPY_DEF_BOARD"]}
    assert seen["MICROPY_SOURCE_BOARD"] == [
        str(MICROPYTHON / "extmod/mbedtls/mbedtls_alt.c"),
        str(ROOT / "boards/common/heap.c"),
    ]
    assert {
        "-Wl,--undefined=__wrap_mbedtls_ecdsa_write_signature",
        "-Wl,--wrap=mbedtls_ecdsa_write_signature",
        "-Wl,--undefined=__wrap_gc_get_max_new_split",
        "-Wl,--wrap=gc_get_max_new_split",
    } <= {*seen["LINK_OPTIONS"]}
    assert seen["MICROPY_MANIFEST_PARTS_DIR"] == [str(BUILD)]
    assert options["CONFIG_MBEDTLS_ECDSA_DETERMINISTIC"] == options["CONFIG_BT_ENABLED"] == "n"
    assert options["CONFIG_MBEDTLS_DYNAMIC_BUFFER"] == "y"
    assert options["CONFIG_MBEDTLS_SSL_PROTO_DTLS"] == "n", "ESP-IDF's Kconfig wants it so for the one above"
    assert options["CONFIG_PARTITION_TABLE_CUSTOM_FILENAME"] == f'"{ROOT}/boards/common/partitions.csv"'
    assert [name for name, on in options.items() if "_FLASHSIZE_" in name and on == "y"] == [
        "CONFIG_ESPTOOLPY_FLASHSIZE_4MB"
    ]


def test_all_of_micropythons_own_options_stay(board: Board, idf: Path, tmp_path: Path) -> None:
    own = Board(PORT / "boards" / board.base)
    _, theirs = configured(own, idf, tmp_path / "own")
    _, ours = configured(board, idf, tmp_path / "ours")
    differ = {name for name in theirs if name.startswith("CONFIG") and ours.get(name) != theirs[name]}
    meant = ("_FLASHSIZE_", "_PARTITION_TABLE_", "CONFIG_BT_", "_PROTO_DTLS")
    assert {name for name in differ if not any(part in name for part in meant)} == set()


def test_micropython_with_a_common_file_for_each_chip(idf: Path, tmp_path: Path) -> None:
    """As later ones have it (micropython pull request 18873)."""
    port = tmp_path / "micropython/ports/esp32"
    shutil.copytree(PORT, port)
    os.symlink(MICROPYTHON / "extmod", tmp_path / "micropython/extmod")
    own, common = "boards/ESP32_GENERIC_C3/mpconfigboard.cmake", "boards/mpconfigboard_esp32c3_common.cmake"
    shutil.move(port / own, port / common)
    (port / own).write_text(f"include({common})\n")
    done = configure(Board(ROOT / "boards/ESP32_GENERIC_C3_ATECC608"), idf, tmp_path / "build", port=port)
    assert done.returncode == 0, done.stderr
    assert "IDF_TARGET=esp32c3\n" in (tmp_path / "build/seen").read_text()


# --- what is said where something is missing

PLAIN = ROOT / "boards/ESP32_GENERIC_ATECC608"


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The sentence that cmake stops with."""
    assert done.returncode != 0, "this should not have been configured"
    return " ".join(line.strip() for line in done.stderr.splitlines() if line.startswith("   "))


@pytest.mark.parametrize(
    ("version", "fits"), [("5.2.2", False), ("5.3.1", True), ("5.5.4", True), ("6.0.0", False)]
)
def test_esp_idf_version(tmp_path: Path, version: str, fits: bool) -> None:
    done = configure(Board(PLAIN), make_idf(tmp_path / "idf", version), tmp_path / "build")
    if fits:
        assert done.returncode == 0, done.stderr
    else:
        assert refusal(done).startswith(f"ESP-IDF {version} won't do: take 5.3 to 5.5")


def test_no_esp_idf(tmp_path: Path) -> None:
    done = configure(Board(PLAIN), tmp_path, tmp_path / "build")
    assert f"There is no ESP-IDF in IDF_PATH ({tmp_path})" in refusal(done)


def test_micropython_too_old(tmp_path: Path, idf: Path) -> None:
    shutil.copytree(PORT, tmp_path / "old/ports/esp32")
    done = configure(Board(PLAIN), idf, tmp_path / "build", port=tmp_path / "old/ports/esp32")
    assert refusal(done).startswith("This MicroPython can't let a chip sign in TLS")
    assert f"missing in {tmp_path}/old): take 1.24 or newer" in refusal(done)


def test_micropython_without_that_board(clone: Path, tmp_path: Path, idf: Path) -> None:
    board = Board(clone / "boards/ESP32_GENERIC_ATECC608")
    (board.directory / "mpconfigboard.cmake").write_text(
        "set(ATECC_BASE ESP32_GENERIC_X9)\ninclude(${CMAKE_CURRENT_LIST_DIR}/../common/board.cmake)\n"
    )
    assert "has no board ESP32_GENERIC_X9, which ESP32_GENERIC_ATECC608 extends" in refusal(
        configure(board, idf, tmp_path / "build")
    )


@pytest.mark.parametrize("missing", ["umqtt/umqtt/simple.py", "microdot/src/microdot/microdot.py"])
def test_part_missing(tmp_path: Path, idf: Path, missing: str) -> None:
    parts = tmp_path / "parts"
    for name in ("umqtt", "microdot"):
        shutil.copytree(BUILD / name, parts / name)
    (parts / missing).unlink()
    done = configure(Board(PLAIN), idf, tmp_path / "build", parts=parts)
    assert f"{parts / missing} is missing: `make firmware`" in refusal(done)


def test_firmware_missing(clone: Path, tmp_path: Path, idf: Path) -> None:
    (clone / "firmware").unlink()
    done = configure(Board(clone / "boards/ESP32_GENERIC_ATECC608"), idf, tmp_path / "build")
    assert f"{clone}/firmware is missing: these boards are built from a whole clone." in refusal(done)


def test_syntax_errors_are_noticed(clone: Path, tmp_path: Path, idf: Path) -> None:
    common = clone / "boards/common/board.cmake"
    common.write_text(common.read_text() + "list(APPEND\n")
    done = configure(Board(clone / "boards/ESP32_GENERIC_ATECC608"), idf, tmp_path / "build")
    assert "Parse error" in done.stderr
