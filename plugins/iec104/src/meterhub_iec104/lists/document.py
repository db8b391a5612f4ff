"""A list as sections of tables, and its two forms: CSV for programs, HTML for people and printers."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Cell = str | int | float | bool | None

MARK = "X"
"""A capability that is there, as the standard's form marks it."""

_STYLE = """
:root { color-scheme: light; }
body { font: 10pt/1.35 system-ui, "DejaVu Sans", sans-serif; color: #111; background: #fff; margin: 1.5rem; }
h1 { font-size: 15pt; margin: 0 0 .3rem; } h2 { font-size: 11.5pt; margin: 1.3rem 0 .4rem; break-after: avoid; }
p { margin: .2rem 0 .6rem; max-width: 50rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .5rem 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: calc(100% - 1px); } thead { display: table-header-group; }
tr { break-inside: avoid; } tbody tr:nth-child(even) { background: #f4f6f8; }
th, td { border: 1px solid #b8bfc6; padding: .15rem .4rem; text-align: left; vertical-align: top; }
th { background: #e4e9ee; font-weight: 600; } td { overflow-wrap: break-word; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.m { text-align: center; font-weight: 600; width: 2.5rem; }
@page { size: A4 PAGE; margin: 12mm; }
@media print { body { margin: 0; font-size: 8pt; } th, td { padding: .1rem .25rem; } }
"""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under titles; a truth value is a capability, marked or not."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A list: its title, facts about it, and tables."""

    title: str
    language: str
    facts: Sequence[tuple[str, str]] = ()
    tables: Sequence[Table] = ()
    note: str = ""
    page: Literal["portrait", "landscape"] = field(default="portrait")


def as_csv(language: str, lines: Iterable[Sequence[Cell]]) -> str:
    """Lines of CSV (RFC 4180) with a byte order mark, by which spreadsheets know that it is UTF-8.

    Polish spreadsheets take semicolons between the fields and commas in numbers.
    """
    polish = language == "pl"
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";" if polish else ",", lineterminator="\r\n")
    for line in lines:
        writer.writerow([_plain(cell, polish) for cell in line])
    return f"\ufeff{out.getvalue()}"


def as_html(document: Document) -> str:
    """One page that needs nothing else: no script, no other file."""
    return "".join(_html(document))


def _html(document: Document) -> Iterator[str]:
    title = html.escape(document.title)
    yield f'<!doctype html>\n<html lang="{document.language}">\n<head>\n<meta charset="utf-8">\n'
    yield f"<title>{title}</title>\n"
    yield f"<style>{_STYLE.replace('PAGE', document.page)}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>\n"
    for name, value in document.facts:
        yield f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>\n"
    yield f"</dl>\n{_paragraph(document.note)}"
    for table in document.tables:
        yield f"<h2>{html.escape(table.title)}</h2>\n{_paragraph(table.note)}"
        if not table.rows:
            continue
        yield "<table>\n<thead><tr>"
        yield from (f"<th>{html.escape(column)}</th>" for column in table.columns)
        yield "</tr></thead>\n<tbody>\n"
        for row in table.rows:
            yield f"<tr>{''.join(_cell(cell, document.language) for cell in row)}</tr>\n"
        yield "</tbody>\n</table>\n"
    yield "</body>\n</html>\n"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>\n" if text else ""


def _cell(cell: Cell, language: str) -> str:
    if isinstance(cell, bool):
        return f'<td class="m">{MARK if cell else ""}</td>'
    if isinstance(cell, int | float):
        return f'<td class="n">{_number(cell, polish=language == "pl")}</td>'
    return f"<td>{html.escape(cell or '')}</td>"


def _plain(cell: Cell, polish: bool) -> str:
    if isinstance(cell, bool):
        return MARK if cell else ""
    if isinstance(cell, int | float):
        return _number(cell, polish=polish)
    # A spreadsheet would take such text for a formula.
    return f"'{cell}" if cell and cell[0] in "=+-@\t\r" else cell or ""


def _number(number: float, *, polish: bool) -> str:
    text = str(number) if isinstance(number, int) else f"{number:.12g}"
    return text.replace(".", ",") if polish else text
