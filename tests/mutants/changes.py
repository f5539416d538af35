"""Small changes to a module's source, each of which some test should notice.

A condition is turned round, a comparison or a number is off by one, a call, a `raise` or a lock is left out. The rest
of the source stays as it is, byte for byte.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
OTHER: dict[type[ast.cmpop], str] = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
}
ROUND = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)  # whose other sign says the opposite
LONGEST = 100  # of what is shown of a change, and of what it is known by
MODULE = "<module>"
NOTHING, ANYWAY = LEFT_OUT = ("pass", "if True")  # what stands instead of a statement, and of a lock


@dataclass(frozen=True)
class Place:
    """From where to where, in lines (from 1 on) and bytes."""

    line: int
    column: int
    last: int
    end: int

    @classmethod
    def of(cls, first: ast.stmt | ast.expr, last: ast.stmt | ast.expr | None = None) -> "Place":
        last = last or first
        assert last.end_lineno is not None and last.end_col_offset is not None
        return cls(first.lineno, first.col_offset, last.end_lineno, last.end_col_offset)


@dataclass(frozen=True)
class Change:
    """In `function` of `module`, `before` becomes `after`."""

    module: str
    function: str
    before: str
    after: str
    place: Place

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by: that outlives line numbers."""
        return self.module, self.function, f"{_short(self.before)} → {_short(self.after)}"

    def __str__(self) -> str:
        return f"{self.module}:{self.place.line}: in {self.function}: {self.key[2]}"

    def made(self, source: str) -> str:
        """The module with it. The lines that follow keep their numbers, for the sake of tracebacks."""
        lines = source.encode().splitlines(keepends=True)
        place = self.place
        rest = lines[place.last - 1][place.end :]
        after = self.after if self.after in LEFT_OUT else f"({self.after})"
        changed = lines[place.line - 1][: place.column] + after.encode()
        if rest.strip() in (b"", b":"):
            rest += b"\n" * (place.last - place.line)
        return b"".join([*lines[: place.line - 1], changed, rest, *lines[place.last :]]).decode()


def changes(module: str, source: str) -> list[Change]:
    """All of them, in the order of the source."""
    found = _Finder(module).look(ast.parse(source))
    return sorted(
        {(c.place, c.after): c for c in found}.values(), key=lambda c: (c.place.line, c.place.column)
    )


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class _Finder:
    """Walks a module."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._within: list[str] = []

    def look(self, node: ast.AST) -> Iterator[Change]:
        match node:
            # Of the parts of an f-string the places are not told. What only types look at changes nothing.
            case ast.JoinedStr() | ast.arg() | ast.If(test=ast.Name(id="TYPE_CHECKING")):
                return
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from self._inside([node.name, "<locals>"], [node.args, *node.body])
            case ast.ClassDef():
                yield from self._inside([node.name], node.body)
            case ast.AnnAssign():
                yield from self._all([node.value] if node.value else [])
            case _:
                if isinstance(node, ast.stmt):
                    yield from self._statement(node)
                if isinstance(node, ast.expr):
                    yield from self._expression(node)
                for test in _conditions(node):
                    yield self._change(test, _turned(test))
                yield from self._all(ast.iter_child_nodes(node))

    def _all(self, nodes: Iterable[ast.AST]) -> Iterator[Change]:
        for node in nodes:
            yield from self.look(node)

    def _inside(self, names: list[str], nodes: Iterable[ast.AST]) -> Iterator[Change]:
        self._within += names
        yield from self._all(nodes)
        del self._within[-len(names) :]

    def _change(self, node: ast.expr, after: str) -> Change:
        return self._make(ast.unparse(node), after, Place.of(node))

    def _make(self, before: str, after: str, place: Place) -> Change:
        function = ".".join(self._within).removesuffix(".<locals>") or MODULE
        return Change(self._module, function, before, after, place)

    def _statement(self, node: ast.stmt) -> Iterator[Change]:
        match node:
            case ast.Raise() | ast.Expr(value=ast.Call()):
                yield self._make(ast.unparse(node), NOTHING, Place.of(node))
            case ast.With(items=[ast.withitem(context_expr=entered, optional_vars=None)]):
                yield self._make(f"with {ast.unparse(entered)}", ANYWAY, Place.of(node, entered))

    def _expression(self, node: ast.expr) -> Iterator[Change]:
        match node:
            case ast.Compare():
                for place in range(len(node.ops)):
                    yield self._change(node, _compared(node, place))
            case ast.BoolOp(op=op, values=values):
                other = " or " if isinstance(op, ast.And) else " and "
                yield self._change(node, other.join(map(_part, values)))
            case ast.Constant(value=bool(value)):
                yield self._change(node, str(not value))
            case ast.Constant(value=int(value)):
                yield self._change(node, str(value + 1))


def _compared(node: ast.Compare, other: int) -> str:
    """With another sign in one place: a <= b < c has two."""
    words = [_part(node.left)]
    for place, (op, right) in enumerate(zip(node.ops, node.comparators, strict=True)):
        words += [(OTHER if place == other else SIGNS)[type(op)], _part(right)]
    return " ".join(words)


def _part(node: ast.expr) -> str:
    loose = isinstance(node, ast.BoolOp | ast.IfExp | ast.Compare | ast.NamedExpr | ast.Lambda)
    return f"({ast.unparse(node)})" if loose else ast.unparse(node)


def _conditions(node: ast.AST) -> list[ast.expr]:
    """Those that no other change turns round."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            tests = [test]
        case ast.comprehension(ifs=tests) | ast.BoolOp(values=tests):
            pass
        case _:
            tests = []
    return [test for test in tests if not _is_turned(test)]


def _is_turned(test: ast.expr) -> bool:
    match test:
        case ast.Compare(ops=[op]):
            return isinstance(op, ROUND)
        case _:
            return isinstance(test, ast.BoolOp | ast.Constant | ast.Dict | ast.List | ast.Tuple)


def _turned(test: ast.expr) -> str:
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return ast.unparse(operand)
        case _:
            return f"not {_part(test)}"
