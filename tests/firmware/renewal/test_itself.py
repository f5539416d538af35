"""Renewal without a job: when, of whom AWS is told, and why it failed; and the link, which starts again."""

import pytest
from identities import NOW
from renewing import GIVEN, ITSELF, MINUTE, SAYS, SEEN, SETTING, renewed


@pytest.mark.parametrize(("days", "renewed"), [(9, False), (11, True)])
def test_by_itself_before_its_certificate_ends(device, days, renewed):
    code = SETTING + f"link = Link()\nDevice.settings.values['aws.renew'] = {days}\n"
    today = int(NOW.timestamp()) + 20 * 86400  # of 30
    code += f"rotation.clock.now = lambda: {today}\nitself(link)\n"
    active, said = device.value("[store.active, len(link.said)]", code, GIVEN)
    assert (active, said) == (("b", 3) if renewed else ("a", 0))


def test_by_itself_only_by_a_template(device):
    code = SETTING + "link = Link()\nDevice.settings.values |= {'aws.renew': 3650, 'aws.template': ''}\n"
    code += "itself(link)\n"
    assert device.value("[store.active, len(link.said)]", code, GIVEN) == ["a", 0]


def test_by_itself_it_is_told_until_aws_has_heard(device):
    assert renewed(device) == ["b", False, [SAYS]]
    code = SETTING + MINUTE + "link = Link()\nstored = store.current()\nitself(link, False)\n"
    said = device.value("[link.said, 'untold' in stored, stored['state'], stored['slot']]", code, GIVEN)
    assert said == [[], False, "active", 1], "never again, not after a reset either"


@pytest.mark.parametrize("how", ["silent", "down"])
def test_what_nobody_has_heard_is_told_again_after_a_reset(device, how):
    assert renewed(device, {"rotated": how}) == ["b", True, [SAYS]]
    code = SETTING + MINUTE + "before = store.untold\nlink = Link()\nitself(link, False)\n"
    said = device.value("[before, link.said, store.untold, link.inboxes]", code, GIVEN)
    assert said == [True, [SAYS], False, []]
    assert device.value(SEEN, SETTING + "link = Link()\n", GIVEN)[:2] == ["b", "previous"]


def test_a_broker_that_lets_it_not_pass_is_asked_no_more(device):
    renewed(device, {"rotated": "down"})
    code = SETTING + MINUTE + "link = Link(rotated='down')\nlink.dropped = [{'topic': TOLD + '/accepted'}]\n"
    assert device.value("store.untold", code + "itself(link, False)\n", GIVEN) is False


def test_what_has_ended_by_itself_need_not_be_retired(device):
    renewed(device, {"rotated": "silent"})
    later = f"rotation.clock.now = lambda: {int(NOW.timestamp()) + 31 * 86400}\n"
    code = SETTING + later + "link = Link()\nitself(link, False)\n"
    assert device.value("[link.said, store.untold]", code, GIVEN) == [[], False]


def test_nobody_need_be_told_of_what_a_person_has_done(device):
    assert device.value("store.untold", SETTING, GIVEN) is False


# The link is started again.

FULL = """
import threads as real
from renewal import trial
trial._ROOM_MS = 0
class Full(Link):
    left = 3
    def start(self):
        self.left -= 1
        if self.left >= 0:
            raise MemoryError("no room for a thread")
        super().start()
"""


def test_it_waits_for_room_to_connect_again(device):
    code = SETTING + FULL + "link = Full()\nwork(link)\n"
    assert device.value(f"[{SEEN}, listener.given_up]", code, GIVEN) == [
        ["b", "previous", "connected", 1], ["job-1", None],
    ]  # fmt: skip


def test_what_fails_behind_the_commit_is_no_failed_renewal(device):
    code = (
        ITSELF
        + MINUTE
        + FULL
        + "trial._ROOM_TRIES = 0\nlink = Full()\nitself(link)\nown = listener.trouble[0]\n"
    )
    code += "link = Full()\nagain = work(link)\n"
    assert device.value("[own, again, listener.given_up, store.active]", code, GIVEN) == [
        None, False, ["job-1", None], "a",
    ]  # fmt: skip


LOGGED = """
import line, prints
line.main = None  # a renewal is in a thread of its own, as this one is here
class Program:
    lines = []
    is_me = staticmethod(lambda: False)
    note = staticmethod(lambda text: Program.lines.append(text))
prints._programs.append(Program)  # and not `of`, for the test prints too
def service():
    device = Device(Link())
    device.renewal, device.claims = [listener], []
    return lazily.load("rpc.services.identity").Identity(device, bench).status(OWNER)["renewal"]
import lazily
"""


def test_why_it_has_failed_is_told_and_logged_once_for_each_reason(device):
    code = ITSELF + MINUTE + LOGGED + "untried = service()\n"
    code += "for no in ('no', 'no', 'never', 'never'):\n    itself(Link(provision=no))\n"
    code += "failed = service()\nlast = Program.lines[:]\nitself(Link())\nworked = service()\n"
    code += "itself(Link(provision='never'))\n"
    untried, failed, worked, last, lines = device.value(
        "[untried, failed, worked, last, len(Program.lines)]", code, GIVEN
    )
    assert untried == worked == {"days": 3650, "jobs": True, "untold": False, "last_error": None}
    why = "AWS rejects $aws/provisioning-templates/fleet/provision/json: %s (AccessDenied)"
    assert (failed["last_error"]["kind"], failed["last_error"]["message"]) == ("rejected", why % "never")
    line = "atecc: the certificate is not renewed: " + why
    assert [one.strip() for one in last] == [line % "no", line % "never"]
    assert lines == 3, "after one that has worked it is news again"


def test_another_identity_has_not_failed(device):
    """Somebody has provisioned the device since, and nothing is due before the next day."""
    code = ITSELF + MINUTE + LOGGED + "itself(Link(provision='no'))\nbefore = service()\nwork(Link())\n"
    before, after = device.value("[before['last_error'] is None, service()['last_error']]", code, GIVEN)
    assert (before, after) == (False, None)


def test_what_is_switched_off_has_not_failed(device):
    code = ITSELF + MINUTE + LOGGED + "itself(Link(provision='no'))\n"
    off = code + "Device.settings.values |= {'aws.renew': 0}\n"
    assert device.value("service()", off, GIVEN) == {
        "days": 0,
        "jobs": True,
        "untold": False,
        "last_error": None,
    }
    assert device.value("service()", off + "Device.settings.values |= {'aws.jobs': False}\n", GIVEN) is None


def test_without_a_template_it_says_so(device):
    code = ITSELF + MINUTE + LOGGED + "Device.settings.values |= {'aws.template': ''}\nitself(Link())\n"
    assert "aws.template is empty" in device.value("service()['last_error']['message']", code, GIVEN)
