"""For all tests."""

import os
from pathlib import Path

# Behind the machine's own programs: what `make setup` has unpacked, openssl for one where the machine has none.
os.environ["PATH"] += os.pathsep + str(Path(__file__).parents[1] / "build" / "debian" / "usr" / "bin")
