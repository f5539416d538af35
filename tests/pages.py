"""What the pages show people to type: each line of a fenced block, and each `atecc …` in a sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "host", "firmware", "firmware/rpc", "boards", "boards/SIM", "tests/mutants")
    for path in (ROOT / folder).glob("*.md")
)
# A block without a language, or sh, is what is typed.
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TYPED = ("", "sh")
COMMENT = re.compile(r"\s+# .*")
INLINE = re.compile(r"`(atecc [^`]+)`")


@dataclass(frozen=True)
class Shown:
    """A line, as it stands below this heading of this page but for its comment."""

    page: str
    heading: str
    line: str


def shown() -> Iterator[Shown]:
    for page in PAGES:
        text = (ROOT / page).read_text()
        for block in FENCE.finditer(text):
            if block[1] in TYPED:
                heading = re.findall(r"^##? (.*)", text[: block.start()], re.MULTILINE)[-1]
                for line in block[2].splitlines():
                    yield Shown(page, heading, COMMENT.sub("", line))


def commands() -> set[str]:
    """Every `atecc …`, in blocks, sentences and tables."""
    lines = {part.strip() for one in shown() for part in one.line.split("|")}
    inline = {found for page in PAGES for found in INLINE.findall((ROOT / page).read_text())}
    return {line for line in lines | inline if line.startswith("atecc ") and "COMMAND" not in line}
