"""Which mappings were found, in the status and page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meterhub_dlms.client import mapping_settings
from meterhub_dlms.client.browse.marks import Marks, Summary
from meterhub_dlms.client.browse.models import MappingMark, MappingsPage, MappingsRequest
from meterhub_dlms.client.status import MeterStatus, MissingMapping

_MOST_SHOWN = 20
_PAGE = 1000


def marked(row: MeterStatus, summary: Summary) -> MeterStatus:
    """A row of the status, with counts and the first mappings that were not found."""
    missing = [MissingMapping(mapping=mapping.label, why=mark.why) for mapping, mark in summary.missing[:_MOST_SHOWN]]
    return row.model_copy(update={"found": summary.found, "not_found": len(summary.missing), "missing": missing})


def page(marks: Mapping[str, Marks], request: MappingsRequest) -> MappingsPage:
    """The rows from the cursor on."""
    rows: list[MappingMark] = []
    for number, (label, kept, mapping) in enumerate(_all(marks)):
        if number < request.cursor:
            continue
        if len(rows) == _PAGE:
            return MappingsPage(rows=rows, cursor=number)
        row = _row(label, kept, mapping)
        if request.found in ("any", row.found):
            rows.append(row)
    return MappingsPage(rows=rows)


def _all(marks: Mapping[str, Marks]) -> Iterator[tuple[str, Marks, mapping_settings.Mapping]]:
    for label, kept in marks.items():
        for mapping in kept.mappings:
            yield label, kept, mapping


def _row(label: str, kept: Marks, mapping: mapping_settings.Mapping) -> MappingMark:
    mark = kept.of(mapping)
    return MappingMark(
        meter=label,
        mapping=mapping.label,
        logical_name=f"{mapping.class_id}/{mapping.logical_name}/{mapping.attribute}",
        found="unknown" if mark is None else "found" if mark.found else "not found",
        why="" if mark is None else mark.why,
        source="" if mark is None else mark.source,
    )
