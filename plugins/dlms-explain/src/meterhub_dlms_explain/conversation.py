# SPDX-License-Identifier: GPL-2.0-only
"""Explains the APDUs of one conversation in their order, and learns from each what the next ones need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement

from meterhub_dlms_explain.annotation import Names, annotate, hide_secrets
from meterhub_dlms_explain.association import AARE, AARQ, take_apart
from meterhub_dlms_explain.budget import Budget
from meterhub_dlms_explain.protection import Keys, is_protected, read_protected, reveal
from meterhub_dlms_explain.translation import Untranslatable, omissions, translate

_NORMAL_RESPONSE = b"\xc4\x01\xc1\x00"


@dataclass
class Explained:
    """An APDU as an element ``Apdu``, and sentences about what could not be shown."""

    apdu: Element
    notes: list[str] = field(default_factory=list)


class Conversation:
    """System titles, the dedicated key and the blocks of a long answer are kept from one APDU to the next."""

    def __init__(self, budget: Budget, keys: Keys | None = None, titles: Iterable[bytes] = ()) -> None:
        self._budget = budget
        self._names = Names(budget)
        self._keys = keys
        self._titles = list(titles)
        self._dedicated = b""
        self._asked_one = False
        self._blocks: list[bytes] = []

    def explain(self, apdu: bytes) -> Explained:
        """The APDU in XML; what cannot be explained is an empty element and a note."""
        try:
            if is_protected(apdu[0]):
                return self._protected(apdu)
            if apdu[0] in (AARQ, AARE):
                return self._association(apdu)
            return self._plain(apdu)
        except (ValueError, Untranslatable) as error:
            return Explained(Element("Apdu"), [str(error)])

    def _plain(self, apdu: bytes) -> Explained:
        element = translate(apdu, self._budget)
        explained = Explained(element, list(omissions(element)))
        element.attrib.clear()
        for dedicated in element.iter("DedicatedKey"):
            self._dedicated = bytes.fromhex(dedicated.get("Value", ""))
        hide_secrets(element)
        self._follow_blocks(explained)
        annotate(element, self._names)
        return explained

    def _association(self, apdu: bytes) -> Explained:
        association = take_apart(apdu)
        if association.title:
            self._titles.insert(0, association.title)
        explained = self._plain(association.plain)
        if association.ciphered and len(explained.apdu):
            within = self._protected(association.ciphered)
            explained.apdu[0].extend(within.apdu)
            explained.notes += within.notes
        return explained

    def _protected(self, apdu: bytes) -> Explained:
        protected = read_protected(apdu)
        explained = Explained(Element("Apdu"))
        shown = SubElement(explained.apdu, "Ciphered", Service=protected.name, Protection=protected.how)
        shown.set("InvocationCounter", str(protected.counter))
        if protected.title:
            shown.set("SystemTitle", protected.title.hex())
            self._titles.insert(0, protected.title)
        keys = self._keys_for(dedicated=protected.dedicated)
        try:
            if keys is None:
                raise ValueError("it is ciphered, and no keys were given for it")
            plain, title = reveal(protected, keys, self._titles)
        except ValueError as error:
            shown.text = protected.content.hex()
            explained.notes.append(str(error))
            return explained
        shown.set("SystemTitle", title.hex())
        shown.set("Verified", "true")
        within = self.explain(plain) if plain else Explained(Element("Apdu"), ["it is empty"])
        shown.extend(within.apdu)
        explained.notes += within.notes
        return explained

    def _keys_for(self, *, dedicated: bool) -> Keys | None:
        """The keys to open with: of the meter, or the dedicated one that an initiate request brought."""
        if self._keys is None or not dedicated:
            return self._keys
        return Keys(self._dedicated, self._keys.authentication) if self._dedicated else None

    def _follow_blocks(self, explained: Explained) -> None:
        """Once the last block of an answer to a single GET is there, show the value that they carry together."""
        for kind in ("GetRequestNormal", "GetRequestWithList"):
            if explained.apdu.find(f".//{kind}") is not None:
                self._asked_one, self._blocks = kind == "GetRequestNormal", []
        block = explained.apdu.find(".//GetResponsewithDataBlock")
        raw = block.find(".//RawData") if block is not None else None
        if block is None or raw is None or not self._asked_one:
            return
        self._blocks.append(bytes.fromhex(raw.get("Value", "")))
        if _number(block, "BlockNumber") != len(self._blocks):
            self._asked_one = False  # one is missing here: what follows cannot be put together
        elif _number(block, "LastBlock"):
            self._assemble(block, explained)

    def _assemble(self, block: Element, explained: Explained) -> None:
        try:
            whole = translate(_NORMAL_RESPONSE + b"".join(self._blocks), self._budget)
        except Untranslatable as error:
            explained.notes.append(f"the value of {len(self._blocks)} blocks: {error}")
            return
        explained.notes += omissions(whole)
        SubElement(block, "Assembled").extend(whole.iter("Data"))


def _number(block: Element, name: str) -> int:
    found = block.find(f".//{name}")
    return int(found.get("Value", "0")) if found is not None else 0
