"""What of an HTTP request is looked at before anything is done: whether a page in a browser asks, and what for."""

# The one page whose name a caller may bear that is no page: Mongoose OS's client says it on every connection.
MOS_ORIGIN = "https://api.cesanta.com/"
# What GET may do: it only reads, and a page that has it done sees nothing of it. All else takes a POST of JSON, which a
# browser lets no page send to another's device without asking that first.
READS = (
    "ATCA.GetConfig",
    "ATCA.GetInfo",
    "ATCA.GetPubKey",
    "ATCA.KeyInfo",
    "Access.Status",
    "App.Log",
    "App.Status",
    "Config.Get",
    "FS.Get",
    "FS.List",
    "FS.ListExt",
    "Identity.Get",
    "Identity.Status",
    "MQTT.Status",
    "RPC.Describe",
    "RPC.List",
    "Sys.Check",
    "Sys.GetInfo",
    "Wifi.Status",
)


def by_a_page(headers):
    """Whether a page in a browser asks, which may use what that browser knows: a password, a certificate."""
    return any(_is_a_pages(name.lower(), value) for name, value in headers.items())


def _is_a_pages(name, value):
    return name.startswith("sec-fetch-") or (name == "origin" and value != MOS_ORIGIN)


def leads_here(host, is_own):
    """Whether the value of a Host header is an address, a name without a dot, or one that `is_own(name)`.

    With any other name it may be a page that asks, of which its own name server says that it is here (DNS rebinding).
    No name server of the internet knows a name without a dot.
    """
    host = host.strip().lower()
    if host[:1] == "[":
        address, closed, port = host[1:].partition("]")
        return bool(closed) and _is_port(port) and all(c in "0123456789abcdef:." for c in address)
    name, colon, port = host.partition(":")
    if not name or not _is_port(colon + port):
        return False
    parts = name.split(".")
    if len(parts) == 1:
        return all("a" <= c <= "z" or "0" <= c <= "9" or c in "-_" for c in name)
    return (len(parts) == 4 and all(part.isdigit() and len(part) <= 3 for part in parts)) or is_own(name)


def _is_port(text):
    return not text or (text[0] == ":" and text[1:].isdigit() and len(text) <= 6)


def is_json(headers):
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
