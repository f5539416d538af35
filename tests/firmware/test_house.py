"""What may import what in the firmware: down only, in the order in which one byte walks from the host to the chip."""

from pathlib import Path

import pytest
from house import House, circle

HOUSE = House(Path(__file__).parents[2] / "firmware")
# Above the device, which knows none of them: what starts it, at power-on or because a host asks for it.
ENTRANCES = {"main", "boot", "rpc.serial", "rpc.console", "rpc.framing"}
# From the top. Single files beside these stand where their own imports put them.
FLOORS = ["entrances", "device", "rpc", "renewal", "link", "identity", "atecc608"]
OF = {module: "entrances" if module in ENTRANCES else module.partition(".")[0] for module in HOUSE.modules}
BETWEEN = HOUSE.between(OF)


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_down(floor: str) -> None:
    above = FLOORS[: FLOORS.index(floor)]
    assert BETWEEN[floor].isdisjoint(above)


def test_no_folder_leads_back_to_itself() -> None:
    assert circle(BETWEEN) == []


def test_no_module_leads_back_to_itself() -> None:
    assert circle(HOUSE.arrows) == []
