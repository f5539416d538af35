"""The whole path in the memory of an ESP32 without PSRAM, on the 32-bit board; `make budget` measures closer."""

from pathlib import Path

import pytest
from budget import (
    BESIDE_LEAST,
    CONNECTED_LIMIT,
    FAILURES,
    LEFT_LEAST,
    SIGNAL,
    STACK_LIMIT,
    heap_limit,
    idf_limit,
    shipped,
    whole_path,
)
from simboard.board import MICROPYTHON_32

pytestmark = pytest.mark.skipif(
    not MICROPYTHON_32.exists(), reason="the 32-bit board isn't there: `make sim32` builds it, on x86_64"
)
HEAP_KB = heap_limit()
IDF_KB = idf_limit(HEAP_KB)


# What depends on how the requests' garbage falls, which is a matter of time, in KB.
CHANCE = 4


def test_the_whole_path_succeeds_beside_an_application_in_an_esp32s_memory(tmp_path: Path) -> None:
    peaks = whole_path(HEAP_KB, IDF_KB, tmp_path, BESIDE_LEAST // 1024 - CHANCE, grows=True)
    assert peaks.heap_free > 0
    assert 16_000 < peaks.tls < 32_000 and peaks.idf <= IDF_KB * 1024
    assert peaks.deepest < STACK_LIMIT + SIGNAL


@pytest.mark.parametrize(("heap_kb", "idf_kb"), [(HEAP_KB // 2, IDF_KB), (HEAP_KB, IDF_KB // 2)])
def test_with_less_it_does_not(tmp_path: Path, heap_kb: int, idf_kb: int) -> None:
    with pytest.raises(FAILURES):
        whole_path(heap_kb, idf_kb, tmp_path)


def test_most_of_the_memory_is_the_applications(tmp_path: Path) -> None:
    """As it is handed out, connected over MQTT; with all of it held the device connects anew, and answers."""
    found = shipped(tmp_path)
    assert found.taken <= CONNECTED_LIMIT
    assert found.left >= LEFT_LEAST
    assert found.free >= 64 * 1024
