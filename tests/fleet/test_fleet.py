"""The run of `make fleet`, with few devices: what it promises holds for these too."""

import pytest
from fleet.rotation import rotate


@pytest.mark.waits
def test_five_devices_rotate_and_three_fail_on_purpose():
    found = rotate(5)
    assert (found.connected, found.renewed, found.orphans) == (5, 2, [])
    assert {one.thing for one in found.failures} > set(found.wanted) and len(found.failures) == 3
    assert dict(found.certificates) == {"ACTIVE": 5, "INACTIVE": 2}
    reasons = " ".join(one.reason for one in found.failures)
    for word in ("closed the connection", "begun by somebody else (usb)", "on purpose (ACCESS_DENIED)"):
        assert word in reasons
