"""An ESP32 seen from its serial port: the loader in its ROM, the one that is put into its RAM, its flash, its reset.

What a tool that writes firmware talks to. Started from its flash, it is a simulated board (simboard).
"""

from simrom.board import FlashBoard
from simrom.chips import MODELS, Model

__all__ = ["MODELS", "FlashBoard", "Model"]
