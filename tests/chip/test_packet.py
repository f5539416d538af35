"""Command groups, their CRC, and what every command has in common."""

import pytest
from chip.bench import COMM, EXEC, INFO, NONCE, PARSE, Bench, crc, frame, make
from simchip import Ack
from simchip.packet import crc16

VECTORS = [
    ("0411", "3343"),  # CAL: the wake answer
    ("0407", "40c2"),  # not C4 40, which Microchip's library expects after a failed self-test
    ("040f", "2342"),
    ("0730000000", "035d"),  # GH helium/gateway-mfr-rs#16
    ("0700006002", "8038"),
    ("0700006003", "83bb"),
    ("0700000000", "03ad"),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_crc_vectors(data: str, expected: str) -> None:
    assert crc16(bytes.fromhex(data)).hex() == expected == crc(bytes.fromhex(data)).hex()


@pytest.fixture
def chip() -> Bench:
    return make("D")


@pytest.mark.parametrize("bit", range(0, 56, 5))
def test_a_flipped_bit_is_a_communication_error_and_keeps_temp_key(chip: Bench, bit: int) -> None:
    chip.load(bytes(32))
    chip.wake()
    group = bytearray(frame(INFO, 0, 0))
    group[1 + bit // 8 % 6] ^= 1 << bit % 8
    chip.send(bytes(group))
    assert chip.answer() == COMM
    chip.idle()
    assert chip.temp_key_valid


@pytest.mark.parametrize("count", [0, 1, 3, 156, 255])
def test_counts_outside_4_to_155_are_communication_errors(chip: Bench, count: int) -> None:
    chip.wake()
    chip.send(bytes([count]))
    assert chip.answer() == COMM


def test_an_illegal_count_is_found_even_with_a_good_crc(chip: Bench) -> None:
    chip.wake()
    chip.send(b"\x03" + crc(b"\x03"))
    assert chip.answer() == COMM


def test_the_input_fifo_takes_155_bytes(chip: Bench) -> None:
    chip.wake()
    assert chip.chip.write(chip.address, b"\x03" + b"\xff" * 155) is Ack.ALL
    assert chip.answer() == COMM
    assert chip.chip.write(chip.address, b"\x03" + b"\xff" * 156) is Ack.DATA_REFUSED
    assert chip.answer() == COMM


@pytest.mark.parametrize("size", [4, 5, 6])
def test_a_group_without_room_for_parameters_is_a_parse_error(chip: Bench, size: int) -> None:
    chip.wake()
    body = bytes([size, INFO, 0, 0])[: size - 2]
    chip.send(body + crc(body))
    assert chip.answer() == PARSE


@pytest.mark.parametrize("opcode", [0x00, 0x01, 0x11, 0x31, 0xFF])
def test_unknown_opcodes_are_parse_errors(chip: Bench, opcode: int) -> None:
    """0x11 (HMAC) and 0x01 (Pause) were commands of older chips."""
    chip.refuses(PARSE, opcode)


def test_any_error_but_communication_clears_temp_key(chip: Bench) -> None:
    for op, p1, status in ((0xFF, 0, PARSE), (NONCE, 0x02, PARSE), (0x46, 0, PARSE), (0x41, 0x80, EXEC)):
        chip.load(bytes(32))
        assert chip.temp_key_valid
        assert chip.run(op, p1) == status
        assert not chip.temp_key_valid, hex(op)


NO_DATA = [0x1B, 0x24, 0x17, 0x20, 0x41, 0x02, 0x77]
WRONG_LENGTHS = [(op, 1) for op in NO_DATA]
WRONG_LENGTHS += [
    (0x16, 19),
    (0x16, 21),
    (0x40, 1),
    (0x45, 127),
    (0x12, 3),
    (0x12, 5),
    (0x43, 63),
    (0x43, 65),
]
WRONG_LENGTHS += [(0x08, 31), (0x28, 76), (0x1C, 1), (0x46, 67), (0x51, 15), (0x51, 17), (0x47, 1), (0x15, 1)]


@pytest.mark.parametrize(("op", "size"), WRONG_LENGTHS)
def test_wrong_data_lengths_are_parse_errors(chip: Bench, op: int, size: int) -> None:
    mode = {0x41: 0x80, 0x45: 0x02, 0x12: 0x02, 0x43: 0x0C, 0x02: 0x02, 0x15: 0x02}.get(op, 0)
    chip.refuses(PARSE, op, mode, 4 if op == 0x45 else 0, bytes(size))


SECOND_PARAMETERS = [
    (0x1B, 0, 1),
    (0x16, 0, 1),
    (0x16, 3, 1),
    (0x24, 0, 2),
    (0x77, 1, 1),
    (0x47, 0, 1),
    (0x80, 5, 1),
]


@pytest.mark.parametrize(("op", "mode", "param2"), SECOND_PARAMETERS)
def test_second_parameters_that_select_nothing(chip: Bench, op: int, mode: int, param2: int) -> None:
    data = bytes({0x16: 32 if mode else 20, 0x80: 96}.get(op, 0))
    chip.refuses(PARSE, op, mode, param2, data)
