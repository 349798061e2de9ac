"""Draws the phases of a request as SVG, from the enum itself, so that the picture cannot fall behind the code.

``python docs/phase_diagram.py`` writes ``docs/_static/phases.svg``, which is committed, since the README shows it.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

from hookchain import Phase

PICTURE: Final = Path(__file__).parent / "_static" / "phases.svg"

# Which phases belong together, by the first of each group: what the reader should remember of the order.
GROUPS: Final = {
    Phase.POST_READ_REQUEST: ("find", "#6366f1"),
    Phase.HEADER_PARSER: ("guard", "#d97706"),
    Phase.TYPE: ("answer", "#0d9488"),
    Phase.LOG: ("finish", "#64748b"),
}
# How the handlers of a phase are called: what its badge says, in which colours.
BADGES: Final = {
    "run_first": ("RUN FIRST", "#1d4ed8", "#dbeafe"),
    "run_all": ("RUN ALL", "#047857", "#d1fae5"),
    "void": ("ALL RUN", "#475569", "#e2e8f0"),
}
LEGEND: Final = (
    ("run_first", "until one does not decline"),
    ("run_all", "all, while each says OK or declines"),
    ("void", "all, whatever they say"),
)

WIDTH: Final = 940
TOP: Final = 92
ROW: Final = 46
STEP: Final = 58
BOX_LEFT: Final = 56
BOX_WIDTH: Final = 596
BOX_RIGHT: Final = BOX_LEFT + BOX_WIDTH
RAIL: Final = BOX_RIGHT + 20
NAMES: Final = RAIL + 26
HEIGHT: Final = TOP + STEP * len(Phase) + 62

STYLE: Final = """
  text { font-family: Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #1e293b; }
  .title { font-size: 20px; font-weight: 700; }
  .note, .summary { font-size: 12.5px; fill: #475569; }
  .name { font-size: 14px; font-weight: 700; letter-spacing: .03em; }
  .badge { font-size: 9.5px; font-weight: 700; letter-spacing: .08em; text-anchor: middle; }
  .hook { font-size: 12px; font-family: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
  .directive { font-size: 11px; fill: #64748b; }
  .head { font-size: 11px; font-weight: 600; fill: #64748b; letter-spacing: .04em; }
  .group { font-size: 12px; font-weight: 700; letter-spacing: .12em; text-anchor: middle; fill: #ffffff; }
  .rail { fill: none; stroke: #e11d48; stroke-width: 1.6; }
  .next { fill: none; stroke: #94a3b8; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
"""


def text(kind: str, x: float, y: float, content: str, *, extra: str = "") -> str:
    """Return one line of text.

    Args:
        kind: its class in STYLE.
        x: pixels from the left.
        y: pixels from the top, to the baseline.
        content: what it says.
        extra: further attributes.

    Returns:
        The element.
    """
    return f'<text class="{kind}" x="{x:g}" y="{y:g}"{extra}>{escape(content)}</text>'


def top(phase: Phase) -> int:
    """Return how far from the top a phase's box begins, in pixels."""
    return TOP + STEP * list(Phase).index(phase)


def badge(policy: str, x: float, y: float) -> list[str]:
    """Return the badge of a policy, its left upper corner at x and y."""
    label, ink, paper = BADGES[policy]
    return [
        f'<rect x="{x:g}" y="{y:g}" width="74" height="16" rx="8" fill="{paper}"/>',
        text("badge", x + 37, y + 11.5, label, extra=f' style="fill: {ink}"'),
    ]


def box(phase: Phase) -> list[str]:
    """Return the box of a phase, and beside it the names that httpd and mod_python know it by."""
    y = top(phase)
    below = y + ROW + 3
    return [
        f'<rect x="{BOX_LEFT}" y="{y}" width="{BOX_WIDTH}" height="{ROW}" rx="8" fill="#f8fafc" stroke="#cbd5e1"/>',
        text("name", BOX_LEFT + 16, y + 19, phase.name),
        *badge(phase.policy.value, BOX_RIGHT - 86, y + 7),
        text("summary", BOX_LEFT + 16, y + 37, phase.summary),
        text("hook", NAMES, y + 19, phase.hook),
        text("directive", NAMES, y + 36, phase.directive or ""),
        *([arrow(below)] if phase is not Phase.CLEANUP else []),
    ]


def arrow(y: float) -> str:
    """Return the small arrow from one box to the next."""
    x = BOX_LEFT + BOX_WIDTH / 2
    return f'<path class="next" d="M{x - 5:g} {y:g} l5 5 l5 -5"/>'


def groups() -> list[str]:
    """Return the coloured bars that say which phases belong together."""
    starts = [top(phase) for phase in GROUPS]
    ends = [*starts[1:], TOP + STEP * len(Phase)]
    drawn: list[str] = []
    for (name, colour), start, end in zip(GROUPS.values(), starts, ends, strict=True):
        height = end - start - (STEP - ROW)
        middle = start + height / 2
        drawn += [
            f'<rect x="22" y="{start}" width="22" height="{height}" rx="8" fill="{colour}"/>',
            text("group", 37, middle, name, extra=f' transform="rotate(-90 37 {middle:g})"'),
        ]
    return drawn


def rail() -> list[str]:
    """Return the way out: from every phase that an answer may end, straight to LOG."""
    log = top(Phase.LOG) + ROW / 2
    starts = [top(phase) + ROW / 2 for phase in Phase if phase not in {Phase.LOG, Phase.CLEANUP}]
    ticks = " ".join(f"M{BOX_RIGHT} {y:g} H{RAIL}" for y in starts)
    return [
        f'<path class="rail" d="{ticks} M{RAIL} {starts[0]:g} V{log:g} H{BOX_RIGHT + 7}"/>',
        f'<path d="M{BOX_RIGHT + 1} {log:g} l9 -5 v10 z" fill="#e11d48"/>',
    ]


def head() -> list[str]:
    """Return the title and the column heads."""
    return [
        text("title", 22, 40, "One request, phase by phase"),
        text("note", 22, 62, "A handler says OK, declines, or ends the request: then LOG is next (red)."),
        text("head", NAMES, 56, "httpd hook"),
        text("head", NAMES, 72, "mod_python directive"),
    ]


def legend() -> list[str]:
    """Return what the badges mean."""
    y = TOP + STEP * len(Phase) + 18
    drawn: list[str] = []
    for place, (policy, meaning) in enumerate(LEGEND):
        x = 22 + 310 * place
        drawn += [*badge(policy, x, y), text("note", x + 82, y + 12.5, meaning)]
    return drawn


def draw() -> str:
    """Return the picture, an SVG document."""
    parts = [*head(), *groups(), *rail(), *(part for phase in Phase for part in box(phase)), *legend()]
    body = "\n".join(f"  {part}" for part in parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'role="img" aria-label="The phases of a request, in order">\n'
        f"<style>{STYLE}</style>\n"
        f'  <rect x=".5" y=".5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="14" fill="#ffffff" stroke="#e2e8f0"/>\n'
        f"{body}\n</svg>\n"
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
