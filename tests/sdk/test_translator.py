"""English texts and sentences in another language: known ones, ones with values, and unknown ones unharmed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk.translator import Translator, texts_of

TEXTS = {
    "Port": "Port szeregowy",
    "yes": "tak",
    "{point} is read-only": "{point} jest tylko do odczytu",
    "{name}: {given} was given; {limits}": "{name}: podano {given}; {limits!t}",
    "input should be at least {least}": "wartość co najmniej {least}",
    "IOA {1} is used by {2} and by {3}": "{2} oraz {3} mają IOA {1}",
    "{requester} set {point} to {value} ({reason})": "{requester} ustawił {point} na {value} ({reason})",
}


@pytest.mark.parametrize(
    ("english", "polish"),
    [
        ("Port", "Port szeregowy"),
        ("Ports", "Ports"),
        ("relay/closed is read-only", "relay/closed jest tylko do odczytu"),
        ("t1: '0' was given; input should be at least 1", "t1: podano '0'; wartość co najmniej 1"),
        ("t1: '0' was given; whatever else", "t1: podano '0'; whatever else"),
        ("IOA 7 is used by row 1 and by row 2", "row 1 oraz row 2 mają IOA 7"),
        ("anna set a/b to 5 (test)", "anna ustawił a/b na 5 (test)"),
        ("a (b) set (c) to (d) (e\nf)", "a (b) ustawił (c) na (d) (e\nf)"),
        ("", ""),
    ],
)
def test_what_is_known_is_translated(english, polish) -> None:
    assert Translator(TEXTS).text(english) == polish


NESTED = TEXTS | {
    "{user} was refused {path}: {reason}": "{user} otrzymał odmowę {path}: {reason!t}",
    "{field} is missing; it must be given": "brak pola {field}; trzeba je podać",
    "{field} is not a setting here; remove it": "{field} nie jest tu ustawieniem; usuń je",
    "{1} of {2}{plural}": "{1} z {2}",
    "{point} is over {limit} {unit}: {value} {unit}": "{point} przekracza {limit} {unit}: {value} {unit}",
}


@pytest.mark.parametrize(
    ("english", "polish"),
    [
        (
            "anna was refused /a: b is missing; it must be given",
            "anna otrzymał odmowę /a: brak pola b; trzeba je podać",
        ),
        (
            "b is missing; it must be given; c is not a setting here; remove it; t1: '0' was given; input should be at "
            "least 1",
            "brak pola b; trzeba je podać; c nie jest tu ustawieniem; usuń je; t1: podano '0'; wartość co najmniej 1",
        ),
        (
            "anna was refused /a: b is missing; it must be given; relay/closed is read-only",
            "anna otrzymał odmowę /a: brak pola b; trzeba je podać; relay/closed jest tylko do odczytu",
        ),
        ("a is over 5 V: 6 V", "a przekracza 5 V: 6 V"),
        ("a is over 5 V: 6 A", "a is over 5 V: 6 A"),
    ],
)
def test_the_reading_is_taken_that_leaves_least_in_english(english, polish) -> None:
    assert Translator(NESTED).text(english) == polish


def test_a_value_is_never_translated_by_chance() -> None:
    assert Translator(TEXTS).text("yes is read-only") == "yes jest tylko do odczytu"


@given(st.text(max_size=200))
def test_any_text_comes_through(text) -> None:
    translator = Translator({"{a}, {b}": "{b}, {a}", "x{a}": "y{a!t}"})
    assert isinstance(translator.text(text), str)


@given(st.text(alphabet="ab ", max_size=30), st.text(alphabet="cd ", max_size=30))
def test_values_are_kept_letter_by_letter(first, second) -> None:
    assert (
        Translator({"from {1} to {2}!": "z {1} do {2}!"}).text(f"from {first} to {second}!")
        == f"z {first} do {second}!"
    )


def test_a_sentence_that_leads_to_itself_ends() -> None:
    assert Translator({"x{a}": "{a!t}x"}).text("x" * 50).count("x") == 50


def test_a_package_brings_its_texts_or_none(monkeypatch, tmp_path) -> None:
    (tmp_path / "acme_texts" / "translations").mkdir(parents=True)
    (tmp_path / "acme_texts" / "__init__.py").touch()
    (tmp_path / "acme_texts" / "translations" / "pl.json").write_text('{"Port": "Złącze"}', "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert Translator(texts_of("acme_texts", "pl")).text("Port") == "Złącze"
    assert texts_of("acme_texts", "de") == {}
