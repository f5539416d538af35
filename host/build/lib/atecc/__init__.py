"""Keys born inside an ATECC608, certificates from AWS IoT or one's own CA: the host's side of the work."""

__version__ = "0.1.0"
