"""What is measured. Every driver does the same jobs; what it asks the chip for to do them is its own affair."""

from speed.cost import Cost

Costs = dict[str, Cost | None]  # None: the driver gives the job up

GENKEY = "GenKey"
NONCE = "Nonce"
SIGN = "Nonce and Sign"
REQUEST = "request from nothing"
HANDSHAKE = "TLS handshake"
JOBS = (GENKEY, NONCE, SIGN, REQUEST, HANDSHAKE)
