"""A board on which no prompt answers: what it says instead tells why."""

import re
import time

import pytest
from atecc.channels import serial as channel
from atecc.channels.babble import why_no_prompt
from atecc.channels.serial import SerialChannel
from atecc.device import Device
from atecc.errors import ChannelError
from boardpty import BoardPty
from fakedevice import FakeDevice

C3 = b"ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\nrst:%s,boot:%s\r\n"
ESP32 = b"ets Jun  8 2016 00:22:57\r\n\r\nrst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
START = C3 % (b"0x3 (RTC_SW_SYS_RST)", b"0xc (SPI_FAST_FLASH_BOOT)")
DOWNLOAD = C3 % (b"0x1 (POWERON)", b"0x4 (DOWNLOAD(USB/UART0/1))") + b"waiting for download\r\n"
CORRUPTED = b"The filesystem appears to be corrupted. If you had important data there, you\r\n"
SAID = {
    b"": "No MicroPython answers on PORT",
    START + b"hello": "No MicroPython answers on PORT",
    DOWNLOAD: "is in its bootloader, and waits to be flashed",
    ESP32 * 2: "starts over and over: its watchdog restarts it",
    (ESP32 + b"invalid header: 0xffffffff\r\n") * 3: "starts over and over: its flash is empty",
    (START + b"invalid header: 0x3b031b1f\r\n") * 3: "over and over: what its flash holds is no firmware",
    (START + b"Guru Meditation Error: Core 0 panic'ed\r\n") * 2: "over and over: its firmware crashes at the start",
    (START + b"E BOD: Brownout detector was triggered\r\n") * 2: "over and over: its supply breaks down",
    START * 2: "The board on PORT starts over and over.",
    CORRUPTED: "holds what MicroPython takes for no file system",
}  # fmt: skip


@pytest.mark.parametrize(("heard", "said"), SAID.items(), ids=SAID.values())
def test_it_is_told_what_that_means(heard: bytes, said: str) -> None:
    error = why_no_prompt("PORT", heard)
    assert said in error.message
    assert error.hint


def test_the_channel_listens_while_it_looks_for_the_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "ENTER_TIMEOUT", 0.2)
    monkeypatch.setattr(channel, "ENTER_ATTEMPTS", 2)
    with BoardPty(FakeDevice(), micropython=False, babble=ESP32) as board:
        serial = SerialChannel(board.port)
        with pytest.raises(ChannelError, match="starts over and over: its watchdog restarts it"):
            serial.request(b"{}", 1)
        serial.close()


class Talker(BoardPty):
    """Says lines without a pause for so many seconds, and is a board with MicroPython then."""

    def __init__(self, seconds: float) -> None:
        super().__init__(FakeDevice())
        self.until = time.monotonic() + seconds

    def _serve(self) -> None:
        while time.monotonic() < self.until and not self._stop.wait(0.002):
            self._write(b"I (1234) boot: a line of log\r\n")
        super()._serve()


def test_a_board_that_talks_while_it_starts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "ENTER_TIMEOUT", 0.1)
    with Talker(1.5) as board, Device(SerialChannel(board.port)) as device:
        assert device.chip_info().part == "ATECC608A"


@pytest.mark.parametrize(
    ("talks", "said"),
    [
        (
            99,
            r"No MicroPython answers on \S+: something there talks without end, and did not stop within (\d+) s",
        ),
        (0, r"No MicroPython answers on \S+: not a byte came within (\d+) s"),
    ],
)
def test_talking_and_silence_are_told_apart_with_true_seconds(
    monkeypatch: pytest.MonkeyPatch, talks: float, said: str
) -> None:
    monkeypatch.setattr(channel, "ENTER_TIMEOUT", 0.5)
    monkeypatch.setattr(channel, "ENTER_ATTEMPTS", 2)
    with Talker(talks) as board:
        board.micropython, board.babble = False, b""
        began = time.monotonic()
        serial = SerialChannel(board.port)
        with pytest.raises(ChannelError, match=said) as caught:
            serial.request(b"{}", 1)
        serial.close()
        seconds = re.search(said, caught.value.message)
        assert seconds and abs(int(seconds[1]) - (time.monotonic() - began)) <= 1


def test_a_busy_micropython_is_told_as_one() -> None:
    assert "it is busy" in why_no_prompt("PORT", b"hello\r\n>>> \r\n", 9.0).message
