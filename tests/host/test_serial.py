"""The serial channel, on a pty, with the real mpremote: what it carries, what it says of trouble."""

import os
import signal
import time
import zlib

import pytest
from atecc.channels import ports
from atecc.channels import serial as channel
from atecc.channels.serial import SerialChannel
from atecc.device import Device, rpc
from atecc.errors import ChannelError, ChannelTimeout, CorruptReply, FirmwareMissing
from boardpty import BoardPty
from fakedevice import SERIAL, FakeDevice
from mpremote.transport_serial import SerialTransport


@pytest.fixture
def plugged():
    with BoardPty(FakeDevice()) as board:
        yield board


@pytest.fixture
def device(plugged):
    with Device(SerialChannel(plugged.port)) as device:
        yield device


def test_carries_requests_and_replies(device, plugged):
    assert device.chip_info().serial == SERIAL
    assert len(device.get_config()) == 128
    assert plugged.device.calls == ["ATCA.GetInfo", "ATCA.GetConfig"]


def test_carries_what_is_awkward_to_quote(device):
    device.set_time(int(time.time()))
    device._client.call("MQTT.Subscribe", {"topic": "t"})
    plugged_message = """it's "quoted" \\ and \n über 🔑 \"\"\""""
    with pytest.raises(Exception, match="not connected"):
        device.publish("t", plugged_message)


def test_long_requests_arrive_whole(device, plugged):
    plugged.device.MQTT_Publish = lambda topic, message, **_: {"topic": str(len(message))}
    assert device.call("MQTT.Publish", {"topic": "t", "message": "x" * 5000})["topic"] == "5000"


def flip(output, trouble):
    """A bit of the reply is changed, the CRC isn't."""
    return output.replace(b"ATECC608A", b"ATECC608B"), trouble


def cut(output, trouble):
    return output[:-20], trouble


@pytest.mark.parametrize("fault", [flip, cut])
def test_a_damaged_reply_to_a_read_is_asked_for_again(device, plugged, fault):
    plugged.misbehave = [fault, fault]
    assert device.chip_info().part == "ATECC608A"
    assert plugged.requests == 3


def test_a_read_is_not_repeated_for_ever(device, plugged):
    plugged.misbehave = [flip] * 9
    with pytest.raises(CorruptReply, match="CRC-32"):
        device.chip_info()
    assert plugged.requests == 3


def test_a_damaged_reply_to_a_change_is_never_repeated(device, plugged):
    plugged.misbehave = [lambda output, trouble: (b"garbage", b"")]
    with pytest.raises(CorruptReply) as caught:
        device.commit()
    assert plugged.requests == 1
    assert "not known" in caught.value.hint


def not_run(kind):
    """What the firmware says to a request that it could not even read."""
    reply = b'{"error":{"code":400,"kind":"%s","message":"the frame was damaged on its way"}}' % kind
    return lambda output, trouble: (b'\r\n"""%s%08x"""\r\n' % (reply, zlib.crc32(reply)), trouble)


damaged_request = not_run(b"frame")


def test_a_request_for_which_there_was_no_memory_is_sent_again(device, plugged):
    plugged.misbehave = [not_run(b"memory")]
    device.set_time(int(time.time()))
    assert plugged.requests == 2
    plugged.misbehave = [not_run(b"memory")] * 9
    with pytest.raises(CorruptReply, match="too little memory to read the request") as caught:
        device.commit()
    assert "atecc reboot" in caught.value.hint


def test_a_request_that_was_damaged_on_its_way_is_sent_again_whatever_it_is(device, plugged):
    plugged.misbehave = [damaged_request]
    device.set_time(int(time.time()))
    assert plugged.requests == 2
    plugged.misbehave = [damaged_request] * 9
    with pytest.raises(CorruptReply, match="the board, which ignored it"):
        device.commit()


def test_a_board_without_the_firmware(device, plugged):
    trace = b"Traceback (most recent call last):\r\nImportError: no module named 'rpc'\r\n"
    plugged.misbehave = [(b"", trace)]
    with pytest.raises(FirmwareMissing, match="not this project's firmware") as caught:
        device.info()
    assert "On a real board" in caught.value.hint


@pytest.mark.parametrize(
    ("last_line", "said"),
    [
        (b"MemoryError: ", "ran out of memory"),
        (b"SyntaxError: invalid syntax", "damaged on its way"),
        (b"ValueError: odd", "stumbled: ValueError: odd"),
    ],
)
def test_a_traceback_becomes_a_sentence(device, plugged, last_line, said):
    plugged.misbehave = [(b"", b"Traceback:\r\n" + last_line + b"\r\n")] * 3
    with pytest.raises(ChannelError, match=said):
        device.call("Sys.SetTime", {"time": 1})


def test_a_silent_board_is_given_up_in_time(device, plugged):
    device.chip_info()
    plugged.misbehave = [None]
    started = time.monotonic()
    with pytest.raises(ChannelTimeout, match="did not answer"):
        device.call("ATCA.GetInfo", timeout=0.3)
    assert time.monotonic() - started < 3
    assert device.chip_info().serial == SERIAL, "the next request interrupts and starts afresh"


def test_after_ctrl_c_the_board_is_interrupted_too(device, plugged):
    device.chip_info()
    plugged.misbehave = [None]
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    with pytest.raises(KeyboardInterrupt):
        device.chip_info()
    started = time.monotonic()
    assert device.chip_info().serial == SERIAL
    assert time.monotonic() - started < 3


def test_a_board_that_never_stops_talking_is_given_up(device, plugged, monkeypatch):
    monkeypatch.setattr(channel, "MOST_OUTPUT", 20_000)
    plugged.misbehave = [lambda output, trouble: (b"x" * 30_000, b"")]
    with pytest.raises(ChannelTimeout):
        device.call("ATCA.GetInfo", timeout=20)


def test_something_else_than_micropython(monkeypatch):
    monkeypatch.setattr(channel, "ENTER_TIMEOUT", 0.2)
    monkeypatch.setattr(channel, "ENTER_ATTEMPTS", 2)
    with BoardPty(FakeDevice(), micropython=False) as board:
        serial = SerialChannel(board.port)
        with pytest.raises(ChannelError, match="No MicroPython answers"):
            serial.request(b"{}", 1)
        serial.close()


def test_pulling_the_plug(plugged):
    with Device(SerialChannel(plugged.port)) as device:
        device.chip_info()
        plugged.unplug_at = 2
        with pytest.raises(ChannelError, match="is gone: it was unplugged"):
            device.chip_info()


def test_no_such_port():
    with pytest.raises(ChannelError, match="There is no serial port /dev/ttyNONE9"):
        SerialChannel("/dev/ttyNONE9")


def test_a_file_is_no_port(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(ChannelError, match="is not a serial port"):
        SerialChannel(str(path))


def test_a_port_in_use(plugged):
    first = SerialChannel(plugged.port)
    with pytest.raises(ChannelError, match="in use by another program"):
        SerialChannel(plugged.port)
    first.close()


@pytest.mark.parametrize("number", [13, 1])
def test_no_permission(monkeypatch, tmp_path, number):
    monkeypatch.setattr(ports, "_errno_of_opening", lambda port: number)
    path = tmp_path / "tty"
    path.write_text("")
    error = ports.why_not_open(str(path))
    assert "No permission" in error.message and "dialout" in error.hint


def test_nothing_is_printed_on_standard_output(device, plugged, capfd):
    plugged.misbehave = [(b"", b"Traceback:\r\nValueError: odd\r\n")]
    with pytest.raises(ChannelError):
        device.call("Sys.SetTime", {"time": 1})
    assert capfd.readouterr().out == ""


def test_the_boards_log_and_the_traffic_are_logged_without_secrets(device, caplog):
    caplog.set_level(5, logger="atecc")
    device.info()
    with pytest.raises(Exception, match="No handler"):
        device.call("Wifi.Connect", {"ssid": "home", "password": "hunter2"})
    assert "a line of log" in caplog.text
    assert '"method": "Sys.GetInfo"' in caplog.text and '"ssid": "home"' in caplog.text
    assert "hunter2" not in caplog.text


class Port:
    def __init__(self, device, vid):
        self.device, self.vid = device, vid


def test_auto_takes_the_only_board():
    found = ports.find_port(
        [Port("/dev/ttyS0", None), Port("/dev/ttyUSB3", 0x1A86), Port("/dev/ttyACM7", 0x2341)]
    )
    assert found == "/dev/ttyUSB3"


def test_auto_without_a_board_lists_what_there_is():
    with pytest.raises(ChannelError, match=r"No board found.*Other USB serial ports: /dev/ttyACM7"):
        ports.find_port([Port("/dev/ttyS0", None), Port("/dev/ttyACM7", 0x2341)])


def test_auto_with_two_boards_asks_which():
    with pytest.raises(ChannelError, match="2 boards are plugged in") as caught:
        ports.find_port([Port("/dev/ttyUSB0", 0x10C4), Port("/dev/ttyACM0", 0x303A)])
    assert "/dev/ttyACM0 (ESP32's own USB), /dev/ttyUSB0 (CP210x)" in caught.value.message
    assert "--port /dev/ttyACM0" in caught.value.hint


def test_a_closed_channel_leaves_the_friendly_repl_and_can_be_closed_again(plugged):
    serial = SerialChannel(plugged.port)
    Device(serial).chip_info()
    serial.close()
    serial.close()
    assert os.path.exists(plugged.port)


READS = ("Sys.GetInfo", "ATCA.GetInfo", "Identity.Status")


def test_several_reads_go_at_one_go(device, plugged):
    with device.ahead(*READS):
        assert plugged.requests == 1
        assert device.chip_info().serial == SERIAL
        assert device.info().app
        assert device.identity_status().active is None
    assert plugged.requests == 1
    assert plugged.device.calls == list(READS)


def test_what_was_asked_ahead_is_not_told_twice_nor_later(device, plugged):
    with device.ahead(*READS):
        device.chip_info()
        device.chip_info()
        device.info()
    device.identity_status()
    assert plugged.device.calls == [*READS, "ATCA.GetInfo", "Sys.GetInfo", "Identity.Status"]


def test_a_change_in_between_makes_it_old(device, plugged):
    with device.ahead(*READS):
        device.set_time(int(time.time()))
        device.identity_status()
    assert plugged.device.calls[3:] == ["Sys.SetTime", "Identity.Status"]


@pytest.mark.parametrize("fault", [flip, cut])
def test_damaged_replies_are_asked_for_one_by_one(device, plugged, fault):
    plugged.misbehave = [fault]
    with device.ahead(*READS):
        assert device.chip_info().part == "ATECC608A"
        assert device.identity_status().active is None
    assert plugged.requests == 3


def test_only_reads_are_asked_ahead(device):
    with pytest.raises(AssertionError), device.ahead("Identity.Commit"):
        pass


def test_a_silent_board_is_not_asked_again_one_by_one(device, plugged, monkeypatch):
    monkeypatch.setattr(rpc, "TIMEOUT", 0.3)
    plugged.misbehave = [None]
    with pytest.raises(ChannelTimeout), device.ahead(*READS):
        pass
    assert plugged.requests == 1


def test_mpremote_does_not_sleep_where_it_can_wait(plugged, monkeypatch):
    """On a port that is no pty it would look every 10 ms whether something has arrived."""
    monkeypatch.setattr(SerialTransport, "_is_pty_device", staticmethod(lambda device: False))
    sleeps = []
    with Device(SerialChannel(plugged.port)) as device:
        device.chip_info()
        monkeypatch.setattr(time, "sleep", sleeps.append)
        device.chip_info()
    assert len(sleeps) == 1, "after the command is written, which this board takes without flow control"


def test_a_long_reply_is_taken_in_few_reads(plugged, monkeypatch):
    """Byte by byte, as mpremote reads, the computer works longer than the line takes."""
    channel_ = SerialChannel(plugged.port)
    with Device(channel_) as device:
        device.chip_info()
        reads = []
        port = channel_._line.unbounded
        monkeypatch.setattr(port, "read", lambda size, read=port.read: reads.append(size) or read(size))
        plugged.device.MQTT_Publish = lambda topic, message, **_: {"topic": message}
        assert device.call("MQTT.Publish", {"topic": "t", "message": "x" * 3000})["topic"] == "x" * 3000
    assert len(reads) < 300
