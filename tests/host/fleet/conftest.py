import pytest
from atecc.aws import fleet as fleets
from cloud.devices import Fleet as Devices
from fakedevice import FakeDevice
from fleetrig import Rig


@pytest.fixture
def atecc(run, iot):
    """Run `atecc aws fleet …`; the board isn't asked."""
    return lambda *words, **more: run(FakeDevice(), "aws", "fleet", *words, **more)


@pytest.fixture
def devices(stand_in, iot, tmp_path):
    made = Devices(stand_in, iot, tmp_path)
    yield made
    made.close()


@pytest.fixture
def rig(stand_in, iot, devices, request):
    def make(**settings):
        name = devices.name()
        return Rig(stand_in, iot, devices, fleets.Fleet(name, f"{name}-", **settings))

    return make
