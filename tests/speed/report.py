"""What jobs cost, as tables."""

from collections.abc import Iterator, Mapping, Sequence

from speed.jobs import JOBS, Costs


def rows(measured: Mapping[str, Costs]) -> Iterator[list[str]]:
    """One driver after the other, ours first: milliseconds, and how many times the limit that is."""
    ours = next(iter(measured.values()))
    yield ["ms (times the limit)", "execution", "limit", *measured]
    for job in JOBS:
        cost = ours[job]
        assert cost, job
        cells = [_cell(costs, job) for costs in measured.values()]
        yield [job, f"{cost.execution / 1000:.1f}", f"{cost.limit / 1000:.1f}", *cells]


def _cell(costs: Costs, job: str) -> str:
    if job not in costs:
        return "-"
    cost = costs[job]
    return f"{cost.took / 1000:.1f} ({cost.ratio:.2f})" if cost else "gives up"


def table(lines: Sequence[Sequence[str]]) -> str:
    """Markdown; the first line is the head, and all columns but the first are numbers."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(f"| {' | '.join(_padded(line, widths))} |" for line in (lines[0], rule, *lines[1:]))


def _padded(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    first, *others = widths
    yield line[0].ljust(first)
    yield from (cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))
