"""One language: English texts and sentences turned into its own.

The English text itself is the key, so that it stands where it is used and nowhere else; one that changed has no
translation any more, which a test finds. A sentence with values in it has names in braces at their places::

    {"{point} is read-only": "{point} jest tylko do odczytu"}

A place that holds a sentence of its own is marked in the translation: ``{reason!t}`` is translated too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_PLACE = re.compile(r"\{(\w+)(!t)?\}")
_LONGEST = 2000
_DEPTH = 3


class Sentence:
    """A translated sentence with places for values."""

    def __init__(self, english: str, translation: str) -> None:
        pieces = _PLACE.split(english)
        literals, names = pieces[::3], pieces[1::3]
        self.words = max(literals, key=len)
        """Its longest literal piece: what does not hold it is another sentence."""
        self.weight = sum(map(len, literals))
        self._names = names
        places = ["(.*?)"] * len(names)
        pattern = "".join(part for pair in zip(map(re.escape, literals), [*places, ""], strict=True) for part in pair)
        self._pattern = re.compile(pattern, re.DOTALL)
        self._translation = translation

    def read(self, text: str) -> dict[str, str] | None:
        """The values in a text that is this sentence."""
        if self.words not in text:
            return None
        found = self._pattern.fullmatch(text)
        return dict(zip(self._names, found.groups(), strict=True)) if found else None

    def say(self, values: Mapping[str, str], translator: Translator, depth: int) -> str:
        """The sentence in the other language."""

        def fill(place: re.Match[str]) -> str:
            value = values.get(place[1], place[0])
            return translator.text(value, depth - 1) if place[2] else value

        return _PLACE.sub(fill, self._translation)


class Translator:
    """Translates what is in ``texts``; anything else comes out as it went in."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {english: text for english, text in texts.items() if not _PLACE.search(english)}
        sentences = [Sentence(english, text) for english, text in texts.items() if _PLACE.search(english)]
        self._sentences = sorted(sentences, key=lambda sentence: -sentence.weight)
        self.text = lru_cache(maxsize=4096)(self._text)

    def _text(self, english: str, depth: int = _DEPTH) -> str:
        """The text in this language: known as a whole, or a sentence with values, the longest first."""
        whole = self._texts.get(english)
        if whole is not None or len(english) > _LONGEST or depth <= 0:
            return english if whole is None else whole
        for sentence in self._sentences:
            values = sentence.read(english)
            if values is not None:
                return sentence.say(values, self, depth)
        return english
