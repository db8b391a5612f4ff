"""``meterhub-sdk texts``: what people are shown is found, and compared with what a file translates."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from meterhub_sdk.tools import cli
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.tools.sentences import sentences
from meterhub_sdk.tools.texts import compare, in_schema

FILE = "src/acme_losses/translations/pl.json"


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("raise ValueError('it is empty')", {"it is empty"}),
        ("raise ConfigError(f'{self.point} is read-only')", {"{point} is read-only"}),
        ("raise Refused(f'{name!r} is not {len(x):,} long' + f'; {name} is')", {"{name} is not {1} long; {name2} is"}),
        ("raise sdk.NotReady('a' if x else 'no answer') from None", {"no answer"}),
        ("message = f'port {port}'\nraise Invalid([Fault([], message)])", {"port {port}"}),
        ("class Odd(Even): pass\nclass Even(Refused): pass\nraise Odd('it is odd')", {"it is odd"}),
        ("class Odd(Exception): pass\nraise Odd('it is odd')", set()),
        ("raise KeyError('it is gone')", set()),
        ("row = Row(problem=f'{count} are lost', name='no sentence')", {"{count} are lost"}),
        ("def why(x):\n    return 'it is so'\ndef f():\n    raise Refused(why(1))", {"it is so"}),
        ("def why(x):\n    return 'state', f'it is {x}'", {"state", "it is {x}"}),
        ("why = 'it was not here'\nraise Refused(f'{x} is gone: {why}')", {"{x} is gone: {why}", "it was not here"}),
        ("def whence(x):\n    return 'it is so'", set()),
        ("raise ValueError(f'{a}: {b}')", set()),
        ("_WHY = {1: 'it is gone'}\nraise Refused(_WHY.get(x, f'code {x}'))", {"it is gone", "code {x}"}),
        ("_WHY = {1: 'it is gone'}\ndef f():\n    raise Refused(_WHY[code])", {"it is gone"}),
        ("Conversion(role='client', counters={'refused commands': 1, **more})", {"refused commands"}),
        ("_GONE = 'it is gone'\ndef f():\n    raise Refused(_GONE)", {"it is gone"}),
    ],
)
def test_sentences_for_people_become_templates(tmp_path: Path, code: str, found: set[str]) -> None:
    (tmp_path / "module.py").write_text(code)
    says = ["why"] if "state" in code else []
    assert sentences(tmp_path, says=says) == found


def test_files_and_exceptions_that_are_never_shown_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "codec").mkdir()
    (tmp_path / "codec" / "frames.py").write_text("raise ValueError('it is short')")
    (tmp_path / "link.py").write_text("class LinkError(ValueError): pass\nraise LinkError('it is odd')")
    assert sentences(tmp_path) == {"it is short", "it is odd"}
    assert sentences(tmp_path, ["codec/*", "Link*"]) == set()


def test_a_schema_gives_texts_and_words_but_neither_symbols_nor_names_of_classes() -> None:
    schema = {
        "title": "MeterRow",
        "description": "One row.",
        "properties": {
            "title": {"title": "Title", "default": "title", "type": "string"},
            "way": {"title": "Way", "enum": ["to-and-fro", "8N1", "R1"], "unit": "kWh"},
            "rows": {"items": {"const": "far", "unit": "characters"}, "title": "Rows"},
        },
    }
    assert set(in_schema(schema)) == {"One row.", "Title", "Way", "to-and-fro", "Rows", "far", "characters"}


def test_missing_ones_are_written_empty_and_nothing_is_removed(checkout) -> None:
    checkout.write(FILE, json.dumps({"gone": "nie ma"}))
    compared = compare(checkout.directory, "pl", write=True)
    assert compared.stale == ["gone"]
    written = json.loads((checkout.directory / FILE).read_text())
    assert written == {**dict.fromkeys(compared.missing, ""), "gone": "nie ma"}
    assert list(written) == sorted(written)
    assert compare(checkout.directory, "pl") == compared, "an empty translation is missing"
    checkout.write(FILE, json.dumps({text: f"~{text}" for text in compared.missing}))
    assert compare(checkout.directory, "pl").missing == compare(checkout.directory, "pl").stale == []


def test_the_command_prints_what_it_found(checkout, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["texts", str(checkout.directory), "--language", "de"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].endswith("missing, 0 stale")


def test_a_file_that_holds_no_texts_is_named(checkout) -> None:
    checkout.write(FILE, '{"a": 1}')
    with pytest.raises(ToolError, match=r"pl\.json is no flat JSON object of texts"):
        compare(checkout.directory, "pl")
