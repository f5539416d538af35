"""The chip's status codes, and the exceptions that carry them inside the model (DS508 table 9-3)."""

from enum import IntEnum


class Status(IntEnum):
    SUCCESS = 0x00
    MISCOMPARE = 0x01
    PARSE_ERROR = 0x03
    ECC_FAULT = 0x05
    SELF_TEST_ERROR = 0x07
    HEALTH_TEST_ERROR = 0x08
    EXECUTION_ERROR = 0x0F
    AFTER_WAKE = 0x11
    WATCHDOG_ABOUT_TO_EXPIRE = 0xEE
    COMMUNICATION_ERROR = 0xFF


SUCCESS = bytes([Status.SUCCESS])
MISCOMPARE = bytes([Status.MISCOMPARE])


class ChipError(Exception):
    """Ends a command. It becomes the answer's status code and never leaves the model."""

    def __init__(self, status: Status, why: str) -> None:
        super().__init__(why)
        self.status = status


class ParseError(ChipError):
    """Illegal whatever the state: opcode, length, parameter."""

    def __init__(self, why: str) -> None:
        super().__init__(Status.PARSE_ERROR, why)


class ExecutionError(ChipError):
    """A legal command that the configuration or the present state refuses."""

    def __init__(self, why: str) -> None:
        super().__init__(Status.EXECUTION_ERROR, why)


class Nack(Exception):
    """The chip leaves the acknowledge bit high. It never leaves the model either."""
