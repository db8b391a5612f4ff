"""The languages of an instance: of schemas, and of the core and each plugin."""

from __future__ import annotations

from meterhub_sdk.translator import Translator

from meterhub.language import Languages, localised

TEXTS = {"Port": "Port szeregowy", "yes": "tak"}


def test_a_schema_keeps_its_shape_and_its_values() -> None:
    schema = {
        "title": "Port",
        "properties": {
            "title": {"type": "string", "title": "Port", "default": "Port"},
            "way": {"enum": ["yes", "no"], "description": "Port"},
            "rows": {"type": "array", "items": {"$ref": "#/$defs/Row"}},
        },
        "$defs": {"Row": {"title": "Port", "anyOf": [{"const": "Port", "title": "Port"}, {"type": "null"}]}},
    }
    polish = localised(schema, Translator(TEXTS))
    assert polish["title"] == "Port szeregowy"
    assert polish["properties"]["title"] == {"type": "string", "title": "Port szeregowy", "default": "Port"}
    assert polish["properties"]["way"]["enum"] == ["yes", "no"]
    assert polish["properties"]["way"]["x-labels"] == {"yes": "tak", "no": "no"}
    assert polish["$defs"]["Row"]["anyOf"][0] == {
        "const": "Port",
        "title": "Port szeregowy",
        "x-labels": {"Port": "Port szeregowy"},
    }
    assert localised({k: v for k, v in schema.items() if k != "enum"}, Translator({}))["title"] == "Port"


def test_a_plugin_has_its_own_words_and_others_keep_theirs() -> None:
    offered = {"acme": {"pl": {"Load": "Obciążenie", "Only here": "Tylko tu"}}, "other": {"pl": {"Load": "Ładunek"}}}
    languages = Languages(lambda: offered)
    assert languages.translator("pl", "acme").text("Load") == "Obciążenie"
    assert languages.translator("pl", "other").text("Load") == "Ładunek"
    assert languages.translator("pl").text("Only here") == "Tylko tu"
    assert languages.translator("pl", "other").text("Only here") == "Only here"
    assert languages.translator("xx").text("Load") == "Load"
    offered["acme"]["pl"]["Only here"] = "Teraz"
    languages.forget()
    assert languages.translator("pl").text("Only here") == "Teraz"
