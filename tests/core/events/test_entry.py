"""Entries: what is kept of an event, how it is bounded, and that a stranger can verify an export."""

from __future__ import annotations

import hashlib
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Clock, EventType, Log, Severity

from meterhub.events.entry import GENESIS, Entry, draft, iso, sentence
from meterhub.events.query import render

VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=700))
PARAMETERS = st.dictionaries(st.text(max_size=80), VALUES, max_size=30)


def entry_of(text: str = "it happened", /, **parameters: object) -> Entry:
    event = EventType(number=7, name="it", text=text, log=Log.SYSTEM, severity=Severity.ERROR)
    return draft(
        event, time=1_700_000_000_123_456_789, clock=Clock.UNKNOWN, source="s", distribution="d", parameters=parameters
    )


def stranger_digest(exported: dict[str, object]) -> str:
    """The recipe in the docstring of ``meterhub.events.entry``, with nothing of Meterhub's."""
    order = ["sequence", "time", "distribution", "number", "name", "log", "clock", "severity", "source", "text"]
    lines = [str(exported[name]) for name in order]
    lines.append(json.dumps(exported["parameters"], sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    previous = bytes.fromhex(str(exported["previous"]))
    return hashlib.sha256(previous + "".join(f"{line}\n" for line in lines).encode()).hexdigest()


@given(PARAMETERS, st.text(max_size=100))
def test_a_stranger_verifies_an_export_that_went_through_json(parameters: dict[str, object], text: str) -> None:
    event = EventType(number=7, name="it", text=text)
    entry = draft(event, time=5, clock=Clock.VALID, source=text, distribution="d", parameters=parameters)
    exported = json.loads(json.dumps(render(entry.chained(1, GENESIS), "full")))
    assert stranger_digest(exported) == exported["digest"]


@given(PARAMETERS, st.text(max_size=2000))
def test_whatever_comes_in_stays_bounded_and_printable(parameters: dict[str, object], text: str) -> None:
    entry = draft(
        EventType(number=7, name=text, text=text),
        time=5,
        clock=Clock.VALID,
        source=text,
        distribution=text,
        parameters=parameters,
    )
    assert len(entry.arguments) <= 20
    assert all(len(value) <= 500 for value in entry.arguments.values() if isinstance(value, str))
    assert len(entry.text) <= 1000
    for shown in (entry.text, entry.name, entry.source, entry.distribution):
        assert not any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in shown)


def test_a_long_text_is_cut_with_a_visible_ellipsis() -> None:
    assert entry_of(reason="x" * 501).arguments["reason"] == "x" * 499 + "…"
    assert entry_of(reason="x" * 500).arguments["reason"] == "x" * 500


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("a\nb", "a\\nb"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\u202eb", "a\\u202eb"),
        ("a\ud800b", "a\\ud800b"),
        ("Zażółć €", "Zażółć €"),
    ],
)
def test_control_characters_are_escaped_and_letters_are_kept(given_text: str, kept: str) -> None:
    entry = entry_of("got {what}", what=given_text)
    assert entry.arguments["what"] == kept
    assert entry.text == f"got {kept}"


def test_more_than_twenty_parameters_are_cut_and_that_is_said() -> None:
    kept = entry_of(**{f"p{number:02}": number for number in range(25)}).arguments
    assert len(kept) == 20
    assert kept["p18"] == 18
    assert kept["…"] == "6 more parameters were cut off"


def test_integers_that_json_readers_would_round_are_kept_as_text() -> None:
    assert entry_of(a=2**53, b=2**53 + 1).arguments == {"a": 2**53, "b": str(2**53 + 1)}
    assert str(entry_of(a=10**9000).arguments["a"]).startswith("0x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("from {host}", "from siem"),
        ("{missing} stays", "{missing} stays"),
        ("{{host}}", "{host}"),
        ("{host:>99999999999}", "{host:>99999999999}"),
        ("{host.__class__}", "{host.__class__}"),
        ("{} } {", "{} } {"),
    ],
)
def test_a_text_is_filled_in_without_running_the_format_language(text: str, shown: str) -> None:
    assert sentence(text, {"host": "siem"}) == shown


def test_a_plain_text_reads_as_the_sdk_says() -> None:
    event = EventType(number=1, name="x", text="{a} then {b}, {c} and {{d}}")
    assert sentence(event.text, {"a": 1, "b": "two"}) == event.sentence({"a": 1, "b": "two"})


@pytest.mark.parametrize("number", [0, -1, 10_000])
def test_an_event_number_out_of_range_is_refused(number: int) -> None:
    event = EventType(number=number, name="x", text="x")
    with pytest.raises(ValueError, match="1 to 9999 will do"):
        draft(event, time=0, clock=Clock.VALID, source="s", distribution="d", parameters={})


def test_times_keep_their_nanoseconds() -> None:
    assert iso(1_700_000_000_123_456_789) == "2023-11-14T22:13:20.123456789Z"
    assert iso(-1) == "1969-12-31T23:59:59.999999999Z"
