"""A board on which no prompt answers: what it says instead tells why."""

import pytest
from atecc.channels import serial as channel
from atecc.channels.babble import why_no_prompt
from atecc.channels.serial import SerialChannel
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
