"""The broker as this computer sees it, judged by the board's rules: before the chip makes a key."""
