"""What may know what in the host's package: host/README.md's table of floors, and the imports as they are."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from house import House, circle

HOST = Path(__file__).parents[2] / "host"
HOUSE = House(HOST / "atecc", "atecc")
TEXT = re.search(r"## Floors\n(.*?)\n## ", (HOST / "README.md").read_text(), re.DOTALL)[1]
# From the top: what the table calls a floor, and what it says of it.
FLOORS = dict(re.findall(r"^\| `?(\w+)/?`? \| (.*) \|$", TEXT, re.MULTILINE)[1:])
# Who may know what from elsewhere, as the sentence above the table says it.
KNOWN_TO = {
    "click": "cli",
    "rich": "cli",
    "boto3": "aws",
    "botocore": "aws",
    "mpremote": "channels",
    "serial": "channels",
    "websockets": "channels",
    "paho": "channels",
}


def floor(module):
    """A folder is a floor; a single file stands on the one whose line has its name."""
    first, *below = module.split(".")[1:] or ["__init__"]
    if below or (HOST / "atecc" / first).is_dir():
        return first
    return next((name for name, text in FLOORS.items() if f"`{first}.py`" in text and name in PLAIN), first)


# Floors without a folder of their own.
PLAIN = [name for name in FLOORS if not (HOST / "atecc" / name).is_dir()]
OF = {module: floor(module) for module in HOUSE.modules if module != "atecc"} | {"atecc": "ground"}
BETWEEN = HOUSE.between(OF)


def test_every_room_is_on_the_table_and_nothing_else():
    assert set(FLOORS) == set(OF.values())


@pytest.mark.parametrize("name", FLOORS)
def test_imports_point_down(name):
    order = list(FLOORS)
    assert not [used for used in BETWEEN[name] if order.index(used) <= order.index(name)]


@pytest.mark.parametrize("name", FLOORS)
def test_the_table_names_what_there_is(name):
    room = HOST / "atecc" / ("" if name in PLAIN else name)
    named = re.findall(r"`(\w+(?:\.py|/))`", FLOORS[name])
    assert [one for one in named if not (room / one).exists()] == []


PACKAGES = sorted({module.rpartition(".")[0] for module in HOUSE.modules} - {""})


@pytest.mark.parametrize("package", PACKAGES)
def test_no_way_leads_back(package):
    """What is directly in a package, module or package, are rooms of it; what is elsewhere is no part of this."""
    depth = package.count(".") + 2
    rooms = {
        module: ".".join(module.split(".")[:depth]) if module.startswith(f"{package}.") else ""
        for module in HOUSE.modules
    }
    arrows = HOUSE.between(rooms)
    assert circle({room: used - {""} for room, used in arrows.items() if room}) == []


def test_no_module_leads_back_to_itself():
    assert circle(HOUSE.arrows) == []


@pytest.mark.parametrize("package", KNOWN_TO)
def test_what_is_from_elsewhere_is_known_in_one_room_only(package):
    assert {OF[module] for module, known in HOUSE.foreign.items() if package in known} == {KNOWN_TO[package]}


def test_that_is_what_the_table_is_introduced_with():
    assert (
        "Only `cli/` knows click and rich, only `aws/` knows boto3, only `channels/` knows serial ports, WebSockets "
        "and MQTT, and only\n`flashing/worker.py` esptool" in TEXT
    )
    assert {module for module, known in HOUSE.foreign.items() if "esptool" in known} == {
        "atecc.flashing.worker"
    }


@pytest.mark.parametrize(
    "path",
    ["authority.Target", "authority.Wish", "ca.LocalCA", "local.LocalAuthority", "names.parse_subject",
     "provision.Provisioning"],
)  # fmt: skip
def test_what_scripts_of_before_import_is_there(path):
    module, _, name = path.partition(".")
    kept = getattr(import_module(f"atecc.{module}"), name)
    assert kept.__module__ != f"atecc.{module}", "a room has it; here is only its former path"
