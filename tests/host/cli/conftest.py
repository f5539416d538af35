"""What the tests of the command line share."""

import pytest


@pytest.fixture
def online(board):
    board.identity("sensor-7")
    board.mqtt = "connected"
    return board
