"""Polish is complete: every text has a translation, and no translation is left of a text that is gone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from meterhub_sdk.tools.project import read_project
from meterhub_sdk.tools.texts import compare, encoded, read_translations

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = [ROOT / "core", *(path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml")))]
FRONTEND = ROOT / "plugins" / "web" / "frontend" / "src"
PLACE = re.compile(r"\{(\w+)(?:!t)?\}")
SAID = re.compile(r"""\bt\(\s*(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`$]*`)\s*[,)]""")
"""A text that is given to ``t``; those of the menu are given to it from tables."""
SAME = re.compile(r"[^a-z]*|c0 .*")
WORDS = frozenset(
    {
        "Base64",
        "Element",
        "Format",
        "Host",
        "Import",
        "Info",
        "Invoke-id",
        "Minimum",
        "Port",
        "Problem",
        "Python",
        "System",
        "Transport",
        "bool",
        "boolean",
        "csv",
        "double-long",
        "double-long-unsigned",
        "enum",
        "float",
        "gmac",
        "hdlc-tcp",
        "import",
        "int",
        "integer",
        "jsonl",
        "k",
        "landis-gyr",
        "long",
        "long-unsigned",
        "mode-e",
        "octet-string",
        "parquet",
        "str",
        "system",
        "tcp",
        "unsigned",
        "visible-string",
        "w",
        "zero",
    }
)
"""Words that are the same in both languages, and names of formats and types; so are what has no small letters."""


def polish(project: Path) -> Path:
    return read_project(project).package_directory / "translations" / "pl.json"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_every_text_has_a_polish_translation_and_none_is_left_over(project: Path) -> None:
    compared = compare(project, "pl")
    assert not compared.missing, f"run: meterhub-sdk texts {project.relative_to(ROOT)} --write, and translate"
    assert not compared.stale, "no source has these any more: remove them"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_translations_keep_the_places_of_values_and_say_something_in_polish(project: Path) -> None:
    texts = read_translations(polish(project))
    for english, text in texts.items():
        places = set(PLACE.findall(text))
        assert places <= set(PLACE.findall(english)), f"{text!r} has a place that {english!r} has not"
        assert text != english or SAME.fullmatch(PLACE.sub("", text)) or text in WORDS, f"{english!r} is not translated"
        assert text == text.strip() or english != english.strip(), f"{text!r} has spaces around it"


@pytest.mark.parametrize("project", PROJECTS, ids=lambda path: path.name)
def test_files_of_translations_are_written_in_one_way(project: Path) -> None:
    path = polish(project)
    if path.is_file():
        assert path.read_text("utf-8") == encoded(read_translations(path))


def test_every_text_of_the_web_interface_has_a_polish_translation_and_none_is_left_over() -> None:
    texts = read_translations(FRONTEND / "languages" / "pl.json")
    sources = "".join(path.read_text("utf-8") for path in sorted(FRONTEND.rglob("*.ts")))
    said = {re.sub(r"\\(.)", r"\1", found["text"][1:-1]) for found in SAID.finditer(sources)}
    literals = sources.replace("\\", "")
    assert not sorted(text for text in said if not texts.get(text)), f"translate these in {FRONTEND / 'languages'}"
    assert not sorted(text for text in texts if text not in literals), "no source has these any more: remove them"
    for english, text in texts.items():
        assert set(PLACE.findall(text)) <= set(PLACE.findall(english)), english
