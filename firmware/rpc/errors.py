"""What the RPC itself raises."""

from folder import flash


class RpcError(Exception):
    """An error made by the RPC itself; `kind` as in README.md."""

    def __init__(self, kind, message):
        super().__init__(message)
        self.kind = kind


def refused_by_flash(message):
    """The RpcError for an OSError of the file system, with `message` unless there is no file system at all."""
    if flash()[0]:
        return RpcError("memory", message)
    return RpcError(
        "no-files", "this board has no file system: what its flash holds there is none, and was left alone"
    )
