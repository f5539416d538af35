"""The firmware's version, and a date that no device's clock can truthfully be before."""

VERSION = "0.1.0"
RELEASED = 1795305600  # 2026-11-22T00:00:00Z, Unix seconds
