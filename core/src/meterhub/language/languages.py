"""The languages of this instance: the core's own words and those of its plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from meterhub_sdk.translator import Translator, texts_of

LANGUAGES = {"en": "English", "pl": "polski"}
"""By the code of ISO 639-1, in their own words."""

Texts = Mapping[str, str]
Offered = Callable[[], Mapping[str, Mapping[str, Texts]]]


class Languages:
    """``offered`` gives the translations of all plugins: by distribution and language."""

    def __init__(self, offered: Offered) -> None:
        self._offered = offered
        self._made: dict[tuple[str, str | None], Translator] = {}

    def forget(self) -> None:
        """Plugins changed: read their translations anew."""
        self._made.clear()

    def translator(self, language: str, distribution: str | None = None) -> Translator:
        """For the texts of one distribution, or for whatever comes from any of them.

        A word that a plugin translates in its own way means that in the plugin's own texts.
        """
        key = (language if language in LANGUAGES else "en", distribution)
        if key not in self._made:
            self._made[key] = Translator(self._texts(*key))
        return self._made[key]

    def _texts(self, language: str, distribution: str | None) -> Texts:
        texts = dict(_core(language))
        for name, languages in self._offered().items():
            if distribution in (None, name):
                found = languages.get(language, {})
                texts |= found if distribution == name else {k: v for k, v in found.items() if k not in texts}
        return texts


@cache
def _core(language: str) -> Texts:
    return texts_of("meterhub", language)
