"""Runs the simulated board: MicroPython on a serial port of its own, wired to a chip behind an I2C socket."""

from simboard.board import Board, BoardDied, BoardError

__all__ = ["Board", "BoardDied", "BoardError"]
