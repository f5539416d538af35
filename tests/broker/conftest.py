"""Brokers' servers, a board to try them, and the host's verdict beside it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
