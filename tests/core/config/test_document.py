"""The document: reading files, and what changed between two of them."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Refused

from meterhub.config.document import diff, read_exported

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=15,
)
sections = st.dictionaries(st.text(max_size=2), st.dictionaries(st.text(max_size=2), documents), max_size=3)


def patched(document: Any, path: list[Any], new: Any) -> Any:
    if not path:
        return new
    document = copy.copy(document)
    if new is None and len(path) == 1 and isinstance(document, dict):
        document.pop(path[0], None)
        return document
    inner = document[path[0]] if not isinstance(document, dict) else document.get(path[0], {})
    document[path[0]] = patched(inner, path[1:], new)
    return document


def without_nothing(document: Any) -> Any:
    """A field that holds nothing reads as one that is not there."""
    if isinstance(document, dict):
        return {key: without_nothing(value) for key, value in document.items() if value is not None}
    return [without_nothing(value) for value in document] if isinstance(document, list) else document


@given(sections, sections)
def test_a_diff_carried_out_gives_the_new_document(old: Any, new: Any) -> None:
    document: Any = old
    for change in diff(old, new):
        document = patched(document, change.path, change.new)
    assert without_nothing(document) == without_nothing(new)


@given(sections)
def test_a_document_does_not_differ_from_itself(document: Any) -> None:
    assert diff(document, copy.deepcopy(document)) == []


def test_a_change_names_the_smallest_place() -> None:
    old = {"modbus-server": {"port": 502, "rows": [{"point": "a/x", "register": 1}]}}
    new = {"modbus-server": {"port": 503, "rows": [{"point": "a/x", "register": 2}]}, "losses": {}}
    assert [(change.path, change.old, change.new) for change in diff(old, new)] == [
        (["modbus-server", "port"], 502, 503),
        (["modbus-server", "rows", 0, "register"], 1, 2),
        (["losses"], None, {}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no configuration file"),
        ("{", "no configuration file"),
        ("[]", "no configuration file"),
        ('{"services": {"a": 5}}', r"Expected `object`, got `int` - at `\$.services\[...\]`"),
        ('{"servises": {}}', "unknown field `servises`"),
        ('{"format": 1}', "missing required field `services`"),
        ('{"format": 2, "services": {}}', "has format 2; this version reads format 1"),
        ('{"services": {}, "versions": {"a": "1"}}', "Expected `int`"),
        ("[" * 100_000, "no configuration file"),
        ('{"services": {"a": {"b": ' + "[" * 100_000, "no configuration file"),
    ],
)
def test_what_is_no_configuration_file_is_refused_with_one_sentence(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        read_exported(text.encode())


def test_a_configuration_file_may_be_written_by_hand() -> None:
    assert read_exported(json.dumps({"services": {"meter": {"a": 1}}}).encode()).services == {"meter": {"a": 1}}
