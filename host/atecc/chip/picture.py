"""A chip as a picture: a standalone SVG that needs no font and no program beyond a browser."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from atecc.chip.config.abilities import Stage

if TYPE_CHECKING:
    from atecc.chip.overview import Overview, SlotView

CARD_W, GAP, LEFT, TOP, COLUMNS = 262, 14, 24, 92, 4
# Two blocks of words while the locks are still to come, one afterwards.
HEIGHTS = {Stage.OPEN: 146, Stage.CONFIG: 160, Stage.BOTH: 122}
WIDTH = 2 * LEFT + COLUMNS * CARD_W + (COLUMNS - 1) * GAP
LINE_CHARS = 40
# Colour and name of what a slot is in: dark enough to be read on white, and never colour alone.
STATES = {
    "active": ("#1b7a3d", "key of the active identity"),
    "idle": ("#2f6fb0", "key of the idle identity"),
    "unknown": ("#a05a00", "a key no identity knows"),
    "empty": ("#374151", "no key yet"),
    "open": ("#6b7684", "data, not locked by itself"),
    "locked": ("#b3261e", "locked by itself"),
}
STYLE = """
  text { font-family: system-ui, 'DejaVu Sans', Arial, sans-serif; fill: #1f2933; }
  .title { font-size: 20px; font-weight: 600; } .sub, .legend { font-size: 13px; fill: #52606d; }
  .number { font-size: 15px; font-weight: 700; fill: #ffffff; } .role { font-size: 14px; font-weight: 600; }
  .type { font-size: 11px; fill: #52606d; } .when { font-size: 10px; font-weight: 600; fill: #7b8794; }
  .may { font-size: 11.5px; } .state { font-size: 11.5px; font-weight: 600; }
"""


def draw(seen: Overview) -> str:
    """The picture of a chip, or of a configuration."""
    height = TOP + 4 * (HEIGHTS[seen.stage] + GAP) + 34
    zone = seen.zone
    sub = f"Revision {zone.revision}, I2C address 0x{zone.i2c_address:02x}. {_capital(seen.locks)}."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>ATECC608 {zone.serial}</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(LEFT, 40, "title", f"ATECC608 {zone.serial}"),
        _text(LEFT, 64, "sub", sub),
        *(_card(view, seen.stage) for view in seen.slots),
        _legend(seen, height - 18),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(x: float, y: float, style: str, text: str, fill: str = "") -> str:
    colour = f' style="fill: {fill}"' if fill else ""
    return f'<text x="{x:g}" y="{y:g}" class="{style}"{colour}>{escape(text)}</text>'


def _card(view: SlotView, stage: Stage) -> str:
    tall = HEIGHTS[stage]
    x = LEFT + view.number % COLUMNS * (CARD_W + GAP)
    y = TOP + view.number // COLUMNS * (tall + GAP)
    colour = STATES[view.state][0]
    fill = "#ffffff" if view.state != "empty" else "#fafbfc"
    lines = [
        f'<rect x="{x}" y="{y}" width="{CARD_W}" height="{tall}" rx="8" fill="{fill}" stroke="#cbd2d9"/>',
        f'<rect x="{x + 12}" y="{y + 12}" width="30" height="24" rx="5" fill="{colour}"/>',
        f'<text x="{x + 27}" y="{y + 29}" class="number" text-anchor="middle">{view.number}</text>',
        _text(x + 52, y + 22, "role", _short(view.role, 26)),
        _text(x + 52, y + 37, "type", view.type),
        *_abilities(view, stage, x + 12, y + 56),
        f'<circle cx="{x + 17}" cy="{y + tall - 15}" r="4.5" fill="{colour}"/>',
        _text(x + 28, y + tall - 11, "state", _short(view.holds, 33), colour),
    ]
    return "\n".join(lines)


def _abilities(view: SlotView, stage: Stage, x: int, y: int) -> list[str]:
    """Now and in the end; once, where both are the same."""
    blocks = [("MAY, FOR GOOD" if stage == Stage.BOTH else "ONCE ALL IS LOCKED", view.final)]
    if stage != Stage.BOTH:
        blocks.insert(0, ("NOW", view.now))
    lines: list[str] = []
    room = 5 if stage != Stage.BOTH else 6
    for heading, words in blocks:
        lines.append(_text(x, y, "when", heading))
        for line in _wrapped(words, room // len(blocks) if len(blocks) > 1 else 4):
            y += 14
            lines.append(_text(x, y, "may", line))
        y += 18
    return lines


def _wrapped(words: str, most: int) -> list[str]:
    lines = textwrap.wrap(words, LINE_CHARS)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], _short(" ".join(lines[most - 1 :]), LINE_CHARS)]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _legend(seen: Overview, y: int) -> str:
    """Only the states that are there."""
    present = [state for state in STATES if any(view.state == state for view in seen.slots)]
    parts, x = [], LEFT
    for state in present:
        colour, name = STATES[state]
        parts.append(f'<circle cx="{x + 5}" cy="{y - 4}" r="5" fill="{colour}"/>')
        parts.append(_text(x + 16, y, "legend", name))
        x += 40 + 7 * len(name)
    return "\n".join(parts)
