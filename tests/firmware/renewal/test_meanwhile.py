"""The link, and whoever asks for it in the middle."""

from renewing import GIVEN, SETTING


def test_without_room_for_its_thread_the_link_is_off_and_not_connecting_for_ever(device):
    code = (
        SETTING
        + """
from link import link as module
class Full:
    HANDSHAKE = 0
    pause = staticmethod(lambda ms: None)
    def start(self, *args):
        raise MemoryError("no room for a thread")
module.threads = Full()
class Nobody:
    on = False
made = module.Link(chip, store.current, Nobody)
try:
    made.start()
    why = None
except MemoryError as e:
    why = str(e)
"""
    )
    assert device.value("[why, made.state, made.status()['attempts']]", code, GIVEN) == [
        "no room for a thread", "off", 0,
    ]  # fmt: skip


def test_while_an_identity_is_tried_nobody_connects_beside_it(device):
    """The broker would cut off one of the two."""
    code = (
        SETTING
        + """
import lazily
from rpc.errors import RpcError
link = Link()
link.stop()
service = lazily.load("rpc.services.mqtt").MQTT(store, link)
def connect():
    try:
        return next(service.connect(30)) is not None
    except RpcError as e:
        return e.kind
store.begin_trial()
during = [connect(), link.state]
store.end_trial()
"""
    )
    assert device.value("[during, connect(), link.state]", code, GIVEN) == [
        ["busy", "off"],
        True,
        "connected",
    ]


def test_a_claim_that_has_served_has_not_failed(device):
    """What fails behind the commit is no end of it; nor is what failed before somebody provisioned the device."""
    code = (
        SETTING
        + """
from renewal import claim as claims
claims.keep({"era": store.switch, "until": None})
link = Link()
device = Device(link)
class Used(claims.Claim):
    def _ask(self, claim):
        if self.attempts > 1:
            store._switched = {"active": "a", "count": store.switch + 1}
        raise LinkError("closed", "the network is gone")
        yield
made = Used(device)
first = [made._done(), str(made.error)]
"""
    )
    assert device.value("[first, made._done(), made.error, claims.kept()]", code, GIVEN) == [
        [False, "the network is gone"], True, None, None,
    ]  # fmt: skip
