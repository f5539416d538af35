"""What holds for the package as a whole."""

import dataclasses
import sys
from pathlib import Path

import pytest
from chip.bench import INFO, frame, make
from chip.conftest import rule_of_the_environment_taken_away
from house import House, imports
from simchip.commands import COMMANDS
from simchip.quirks import Quirks
from simchip.rules.switch import RULES, rule, switched_off

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "boards" / "SIM" / "simchip"
MODULES = sorted(PACKAGE.rglob("*.py"))
HOUSE = House(PACKAGE, "simchip")
ALLOWED = {"simchip", "cryptography"}
SIDES = ["firmware", "host"]
# Lower layers first: a module imports its own layer and those before it.
LAYERS = [
    {"status", "config", "sha256", "clock", "rng", "rules", "rules.switch", "quirks", "faults"},
    {"ecc", "eeprom", "sram", "rules.transport", "rules.volatile", "rules.boot"},
    {"packet", "core", "factory", "presets", "statefile"},
    {
        "counters",
        "timing",
        "addresses",
        "rules.locks",
        "rules.keys",
        "rules.use",
        "rules.memory",
        "rules.parameters",
    },
    {"slots", "outputs"},
    {"commands"},
    {"engine"},
    {"lifecycle"},
    {"bus"},
    {"chip"},
    {"", "wire", "server", "runner", "cli", "__main__"},
]


def layer(name: str) -> int:
    name = "commands" if name.startswith("commands") else name
    return next(number for number, names in enumerate(LAYERS) if name in names)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts).removesuffix("__init__").strip(".")


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_point_down(path: Path) -> None:
    known = {f"simchip.{module_name(module)}".rstrip("."): layer(module_name(module)) for module in MODULES}
    mine = module_name(path)
    used = HOUSE.arrows[f"simchip.{mine}".rstrip(".")] - {"simchip"}
    assert all(known[name] <= layer(mine) for name in used), used


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_the_chip_imports_nothing_of_the_driver_or_the_host(path: Path) -> None:
    assert tops(path) <= ALLOWED | sys.stdlib_module_names


def test_what_it_may_import_is_not_theirs() -> None:
    theirs = {path.stem for side in SIDES for path in (ROOT / side).iterdir()}
    assert {"atecc608", "identity", "atecc"} <= theirs
    assert not theirs & (ALLOWED | sys.stdlib_module_names)


@pytest.mark.parametrize("side", SIDES)
def test_the_driver_and_the_host_import_nothing_of_the_chip(side: str) -> None:
    modules = sorted((ROOT / side).rglob("*.py"))
    assert modules
    assert not [path for path in modules if "simchip" in tops(path)]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_every_command_has_a_test_file() -> None:
    others = {"Lock": "lock", "UpdateExtra": "lock"}
    names = {others.get(command.name, command.name.lower()) for command in COMMANDS.values()}
    assert names <= {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}


def test_every_rule_says_what_it_is() -> None:
    assert len(RULES) >= 60
    assert all(RULES.values())


def test_every_quirk_says_what_it_is() -> None:
    text = (PACKAGE / "quirks.py").read_text().splitlines()
    for field in dataclasses.fields(Quirks):
        line = next(number for number, content in enumerate(text) if content.startswith(f"    {field.name}:"))
        assert text[line + 1].strip().startswith('"""'), field.name


def test_rules_can_be_switched_off_and_come_back() -> None:
    @rule
    def a_rule_for_this_test() -> None:
        """It refuses."""
        raise ValueError

    try:
        with switched_off("a_rule_for_this_test"):
            a_rule_for_this_test()
        with pytest.raises(ValueError):
            a_rule_for_this_test()
        with pytest.raises(KeyError), switched_off("no_such_rule"):
            pass
        with pytest.raises(ValueError, match="two rules"):
            rule(a_rule_for_this_test)
    finally:
        del RULES["a_rule_for_this_test"]


def test_a_rule_that_the_environment_misspells_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise nobody would notice that nothing had been switched off."""
    monkeypatch.setenv("SIMCHIP_RULE_OFF", "crc_must_mach")
    with pytest.raises(KeyError, match="crc_must_mach"), rule_of_the_environment_taken_away():
        pass


@pytest.mark.parametrize("name", ["", "crc_must_match"])
def test_a_rule_of_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SIMCHIP_RULE_OFF", name)
    chip = make("D")
    chip.wake()
    with rule_of_the_environment_taken_away():
        chip.send(frame(INFO)[:-1] + b"?")
        assert len(chip.answer()) == (4 if name else 1)
