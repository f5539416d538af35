"""What can go wrong between the device and its network."""


class LinkError(Exception):
    """`kind` is one of `network`, `tls`, `clock`, `timeout`, `state`, `argument`, and of the broker's own: `mqtt`,
    `closed`, `client-id`, `login`, `topic`, `rejected`. `stage` (or None) is where a connection to it failed: `dns`,
    `tcp`, `tls` or `mqtt`.
    """

    def __init__(self, kind, message, stage=None):
        super().__init__(message)
        self.kind = kind
        self.stage = stage
