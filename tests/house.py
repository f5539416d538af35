"""Which module imports which, as it is written: for tests of what may know what.

Imports inside functions and those for types only count like the others.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def imports(path: Path, package: str = "") -> Iterator[str]:
    """Dotted names that a module imports, `a.b` for `from a import b`; `package` is the one that it is in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = [*filter(None, above), *filter(None, [node.module])]
            yield from (".".join([*base, alias.name]) for alias in node.names)


class House:
    """The modules below a folder, which is a package itself if it has a name.

    `arrows` has for each module those of the house that it imports, `foreign` the packages from elsewhere.
    """

    def __init__(self, root: Path, name: str = "") -> None:
        self.modules = {_name(path, root, name): path for path in sorted(root.rglob("*.py"))}
        self.arrows: dict[str, set[str]] = {}
        self.foreign: dict[str, set[str]] = {}
        for module, path in self.modules.items():
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            found = {imported: self._known(imported) for imported in imports(path, package)}
            self.arrows[module] = {known for known in found.values() if known} - {module}
            self.foreign[module] = {one.partition(".")[0] for one, known in found.items() if not known}

    def between(self, rooms: dict[str, str]) -> dict[str, set[str]]:
        """The arrows between rooms, where `rooms` has the room of each module."""
        found: dict[str, set[str]] = {room: set() for room in rooms.values()}
        for module, used in self.arrows.items():
            found[rooms[module]] |= {rooms[one] for one in used} - {rooms[module]}
        return found

    def _known(self, name: str) -> str:
        """The module that a dotted name is, or stands in; "" for what is not of this house."""
        while name and name not in self.modules:
            name = name.rpartition(".")[0]
        return name


def circle(arrows: dict[str, set[str]]) -> list[str]:
    """One way that leads back to where it began, if there is one."""
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _name(path: Path, root: Path, name: str) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join([*filter(None, [name]), *parts]).removesuffix("__init__").rstrip(".")
