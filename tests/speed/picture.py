"""What jobs cost, as a picture: a standalone SVG, one panel for each profile of execution times."""

from collections.abc import Iterator
from xml.sax.saxutils import escape

from speed.cost import Cost
from speed.jobs import JOBS, Costs

LEFT, TOP, WIDTH, LABEL, BAR, GAP = 24, 92, 920, 170, 15, 14
PANEL_HEAD = 42
SCALE = WIDTH - 2 * LEFT - LABEL - 150
COLOURS = ("#1b7a3d", "#2f6fb0", "#a05a00")
STYLE = """
  text { font-family: system-ui, 'DejaVu Sans', Arial, sans-serif; fill: #1f2933; font-size: 12px; }
  .title { font-size: 20px; font-weight: 600; } .sub { font-size: 13px; fill: #52606d; }
  .panel { font-size: 15px; font-weight: 600; } .value { font-size: 11px; fill: #52606d; }
"""

Measured = dict[str, Costs]


def draw(everything: dict[str, Measured]) -> str:
    """By profile, driver and job. The dark part of a bar is the limit: what the driver adds is the light rest."""
    heights = [_height(measured) for measured in everything.values()]
    height = TOP + sum(heights)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>What an ATECC608's drivers cost</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(LEFT, 36, "title", "Milliseconds on the simulated chip, in virtual time"),
        _text(
            LEFT,
            58,
            "sub",
            "Dark: the limit (execution, bytes at 400 kHz, one wake). Light: what the driver adds.",
        ),
        *_legend(list(next(iter(everything.values())))),
    ]
    y = TOP
    for (timing, measured), tall in zip(everything.items(), heights, strict=True):
        parts += _panel(y, timing, measured)
        y += tall
    return "\n".join([*parts, "</svg>"]) + "\n"


def _height(measured: Measured) -> int:
    return PANEL_HEAD + len(JOBS) * (len(measured) * BAR + GAP)


def _legend(names: list[str]) -> Iterator[str]:
    for index, (name, colour) in enumerate(zip(names, COLOURS, strict=False)):
        x = LEFT + 150 * index
        yield f'<rect x="{x}" y="70" width="12" height="12" fill="{colour}"/>'
        yield _text(x + 18, 81, "sub", name)


def _panel(y: int, timing: str, measured: Measured) -> Iterator[str]:
    longest = max(cost.took for costs in measured.values() for cost in costs.values() if cost)
    yield _text(LEFT, y + 26, "panel", timing)
    y += PANEL_HEAD
    for job in JOBS:
        yield _text(LEFT, y + 12, "job", job)
        for costs, colour in zip(measured.values(), COLOURS, strict=False):
            if job in costs:
                yield from _bar(y, costs[job], colour, SCALE / longest)
            y += BAR
        y += GAP


def _bar(y: int, cost: Cost | None, colour: str, scale: float) -> Iterator[str]:
    x = LEFT + LABEL
    if cost is None:
        yield _text(x, y + 10, "value", "gives up")
        return
    for length, opacity in ((cost.took, 0.35), (cost.limit, 1)):
        yield (
            f'<rect x="{x}" y="{y}" width="{length * scale:.1f}" height="{BAR - 3}" fill="{colour}"'
            f' fill-opacity="{opacity}"/>'
        )
    says = f"{cost.took / 1000:.1f} ms, {cost.ratio:.2f}"
    yield _text(x + cost.took * scale + 6, y + 10, "value", says)


def _text(x: float, y: float, kind: str, words: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" class="{kind}">{escape(words)}</text>'
