"""Who calls devices from afar, and the keys by which devices are known."""
