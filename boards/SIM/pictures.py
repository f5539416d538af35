"""What `make demo` draws into its folder: its terminal, the slots, and one handshake step by step."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from rich.console import Console
from rich.text import Text

STYLE = "text{font:14px sans-serif}.head{font-weight:bold}.small{font-size:12px;fill:#555}"
LEFT, BOARD, BROKER, STEP, TOP = 90, 340, 690, 34, 84


def terminal(said: str, width: int = 120) -> str:
    """What was said, colours included, as a terminal shows it; with no font from anywhere else."""
    import io

    screen = Console(record=True, file=io.StringIO(), width=width, force_terminal=True, highlight=False)
    for line in said.rstrip("\n").split("\n"):
        screen.print(Text.from_ansi(line.expandtabs(4)))
    picture = screen.export_svg(title="make demo", unique_id="demo")
    return re.sub(r"@font-face\s*\{.*?\}", "", picture, flags=re.DOTALL)


def handshake(found: dict[str, Any]) -> str:
    """The last one, of TLS 1.2 as it was agreed: who says what to whom, and what the chip is asked."""
    tls, name = found["tls"], found["endpoint"]
    took = next((step["ms"] for step in found["steps"] if step["name"] == "try"), None)
    steps = [
        (BOARD, BROKER, "ClientHello"),
        (BROKER, BOARD, f"{tls['version']}, {tls['cipher']}"),
        (BROKER, BOARD, "its certificate: verified against the CA on the board"),
        *([(BROKER, BOARD, "CertificateRequest: who are you?")] if tls["signed"] else []),
        (BOARD, BROKER, "the device's certificate"),
        *([(BOARD, LEFT, "Nonce, Sign: a digest of the handshake"), (LEFT, BOARD, "r, s: by the key in its slot"),
           (BOARD, BROKER, "CertificateVerify: that signature")] if tls["signed"] else []),
        (BOARD, BROKER, "Finished"),
        (BROKER, BOARD, "Finished: MQTT begins"),
    ]  # fmt: skip
    height = TOP + STEP * len(steps) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="820" height="{height}" viewBox="0 0 820 {height}" role="img">',
        f"<title>One TLS handshake, step by step</title><style>{STYLE}</style>",
        f'<rect width="820" height="{height}" fill="#ffffff"/>',
        '<defs><marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
    ]
    for x, who in ((LEFT, "ATECC608"), (BOARD, "board"), (BROKER, name)):
        parts.append(f'<text x="{x}" y="40" class="head" text-anchor="middle">{escape(str(who)[:34])}</text>')
        parts.append(f'<line x1="{x}" y1="52" x2="{x}" y2="{height - 36}" stroke="#999"/>')
    for number, (start, end, words) in enumerate(steps):
        y = TOP + number * STEP
        middle = (start + end) // 2
        parts.append(
            f'<text x="{middle}" y="{y - 5}" class="small" text-anchor="middle">{escape(words)}</text>'
        )
        parts.append(
            f'<line x1="{start}" y1="{y}" x2="{end}" y2="{y}" stroke="#000" marker-end="url(#tip)"/>'
        )
    if took is not None:
        parts.append(
            f'<text x="{LEFT}" y="{height - 12}" class="small">All of it took {took} ms in this demo.</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"
