"""Markdown: tables, cells and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from textwrap import dedent

NOTICE = "<!-- Made from the code by docs/generate_reference.py: change the code, then run it again. -->"


def page(title: str, *parts: str) -> str:
    """A whole page; empty parts are left out."""
    return "\n\n".join([NOTICE, f"# {title}", *(part.strip() for part in parts if part.strip())]) + "\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, or nothing where there are no rows."""
    lines = [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *lines])


def cell(text: str) -> str:
    """A text for one cell: one line; outside of code nothing in it is markup, but for links."""
    parts = re.split(r"(`[^`]*`)", " ".join(prose(text).split()))
    parts[::2] = [re.sub(r"([*<])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts).replace("|", "\\|")


def prose(text: str) -> str:
    """A docstring as Markdown: its roles, literals and literal blocks."""
    text = re.sub(r":[a-z]+:`~?([^`]+)`", r"`\1`", text).replace("``", "`")
    return re.sub(r"(?m)^(.*)::$\n\n((?:    .*\n?|\n)+)", _fenced, f"{text}\n").strip()


def _fenced(block: re.Match[str]) -> str:
    before = f"{block[1]}:\n\n" if block[1] else ""
    return f"{before}```python\n{dedent(block[2]).strip()}\n```\n\n"


def code(text: object) -> str:
    """A text as code."""
    return f"`{text}`"


def anchor(heading: str) -> str:
    """What a link to a heading ends with, as the usual viewers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def first_line(text: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(prose((text or "").strip().partition("\n\n")[0]).split())
