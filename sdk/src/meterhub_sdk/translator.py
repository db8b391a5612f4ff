"""One language: English texts and sentences turned into its own.

The English text itself is the key, so that it stands where it is used and nowhere else; one that changed has no
translation any more, which a test finds. A sentence with values in it has names in braces at their places::

    {"{point} is read-only": "{point} jest tylko do odczytu"}

A place that holds a sentence of its own is marked in the translation: ``{reason!t}`` is translated too.

The core translates what services answer. Whoever answers people himself, as an interface does, says it so::

    Translator(texts_of("meterhub_http", "pl")).text("There is nothing here")
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources

__all__ = ["Translator", "texts_of"]

_PLACE = re.compile(r"\{(\w+)(!t)?\}")
_LONGEST = 2000
_DEPTH = 5
_JOINED = "; "
_PARTS = 10
_LONGEST_PART = 4

_Said = tuple[int, str]
"""How many characters of the English were left as they are, and the text."""


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
        parts = _PLACE.split(translation)
        self._pieces = list(zip(parts[::3], [*parts[1::3], ""], [*map(bool, parts[2::3]), False], strict=True))

    def read(self, text: str) -> dict[str, str] | None:
        """The values in a text that is this sentence; a name that stands twice has one value."""
        found = self._pattern.fullmatch(text) if self.words in text else None
        if found is None:
            return None
        values = dict(zip(self._names, found.groups(), strict=True))
        return values if [*found.groups()] == [values[name] for name in self._names] else None

    def say(self, values: Mapping[str, str], translate: Callable[[str], _Said]) -> _Said:
        """The sentence in the other language; only values are left as they were."""
        left = {name: len(value) for name, value in values.items()}
        pieces: list[str] = []
        for literal, name, marked in self._pieces:
            said = values.get(name, "")
            if marked:
                left[name], said = translate(said)
            pieces += (literal, said)
        return sum(left.values()), "".join(pieces)


def texts_of(package: str, language: str) -> dict[str, str]:
    """The translations that a package has in ``translations/<language>.json``; nothing when there are none."""
    file = resources.files(package) / "translations" / f"{language}.json"
    found: dict[str, str] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found


class Translator:
    """Translates what is in ``texts``; anything else, and what has an empty translation, comes out as it went in."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        given = {english: text for english, text in texts.items() if english and text}
        self._texts = {english: text for english, text in given.items() if not _PLACE.search(english)}
        sentences = [Sentence(english, text) for english, text in given.items() if _PLACE.search(english)]
        self._sentences = sorted(sentences, key=lambda sentence: -sentence.weight)
        self._said = lru_cache(maxsize=4096)(self._say)

    def text(self, english: str) -> str:
        """The text in this language: known as a whole, a sentence with values in it, or several of them."""
        return self._said(english, _DEPTH)[1]

    def _say(self, english: str, depth: int) -> _Said:
        """One sentence, or several joined by semicolons where more of it is understood then."""
        whole = self._sentence(english, depth)
        parts = english.split(_JOINED, _PARTS)
        if whole[0] == 0 or len(parts) == 1 or depth < _DEPTH - 1 or len(english) > _LONGEST:
            return whole
        best: list[_Said] = [(0, "")]
        for end in range(1, len(parts) + 1):
            starts = range(max(0, end - _LONGEST_PART, 1 - len(parts) + end), end)
            best.append(min(_joined(best[at], self._sentence(_JOINED.join(parts[at:end]), depth)) for at in starts))
        return min(whole, best[-1], key=lambda said: said[0])

    def _sentence(self, english: str, depth: int) -> _Said:
        """The reading that leaves least of it untranslated; of two alike the one with more words of its own."""
        known = self._texts.get(english)
        if known is not None:
            return 0, known
        best: _Said = len(english), english
        if depth <= 0 or len(english) > _LONGEST:
            return best
        for sentence in self._sentences:
            values = sentence.read(english)
            if values is not None:
                said = sentence.say(values, lambda value: self._said(value, depth - 1))
                best = min(best, said, key=lambda one: one[0])
        return best


def _joined(before: _Said, after: _Said) -> _Said:
    return before[0] + after[0], before[1] + (_JOINED if before[1] else "") + after[1]
