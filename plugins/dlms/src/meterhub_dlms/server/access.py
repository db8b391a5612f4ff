"""What one client may do with the objects of a logical device; every service goes through here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from meterhub_dlms.codec.axdr import NULL, Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import BY_ENTRY, BY_RANGE, Selection, read_parameter
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.client_settings import ClientAccess, read_pattern
from meterhub_dlms.server.cosem import Answer, Caller, CosemAttribute, CosemObject
from meterhub_dlms.server.counters import Counters
from meterhub_dlms.server.object_settings import ASSOCIATION_NAME, DEVICE_NAME, SAP_NAME

READ, WRITE = 1, 2
"""Access modes of attributes; 3 is both, 0 neither (IEC 62056-6-2, clause 4.4.4)."""

_MANDATORY = frozenset({SAP_NAME, DEVICE_NAME})
"""SAP assignment and logical device name: every client sees them."""

Selector = tuple[int, Data]


class Rights:
    """What the settings let a client do."""

    def __init__(self, client: ClientAccess) -> None:
        self.may_write = client.rights == "read and write"
        patterns = [read_pattern(text) for text in client.may_see]
        alternatives = (
            b"".join(b"." if group is None else re.escape(bytes((group,))) for group in pattern) for pattern in patterns
        )
        self._seen = re.compile(b"|".join(alternatives), re.DOTALL) if patterns else None

    def sees(self, logical_name: bytes) -> bool:
        """Whether the object exists for this client."""
        return self._seen is None or logical_name in _MANDATORY or self._seen.fullmatch(logical_name) is not None


class Visible(NamedTuple):
    """One attribute or method as a client finds it."""

    number: int
    mode: int
    selectors: tuple[int, ...] = ()


class Access:
    """The objects of one device as one association sees them; ``association`` is the object of itself."""

    def __init__(
        self, objects: Mapping[bytes, CosemObject], rights: Rights, caller: Caller, counters: Counters
    ) -> None:
        self.association: CosemObject | None = None
        self._objects = objects
        self._rights = rights
        self._caller = caller
        self._counters = counters

    def visible(self) -> Iterator[CosemObject]:
        """The objects there are for this client, the association first."""
        if self.association is not None:
            yield self.association
        for name, found in self._objects.items():
            if name != ASSOCIATION_NAME and self._rights.sees(name):
                yield found

    def attributes(self, found: CosemObject) -> list[Visible]:
        """The attributes of an object and what may be done with each."""
        return [
            Visible(number, self._mode(attribute), (BY_RANGE, BY_ENTRY) if attribute.select else ())
            for number, attribute in sorted(found.attributes.items())
        ]

    def methods(self, found: CosemObject) -> list[Visible]:
        """The methods of an object and whether they may be called."""
        return [Visible(number, int(self._may_call(found))) for number in sorted(found.methods)]

    def known(self, logical_name: bytes) -> CosemObject | None:
        """The object of this name, if there is one for this client."""
        if logical_name == ASSOCIATION_NAME:
            return self.association
        return self._objects.get(logical_name) if self._rights.sees(logical_name) else None

    def find(self, wanted: Attribute) -> CosemObject | AccessResult:
        """The object that an attribute or method belongs to, or why there is none."""
        found = self.known(wanted.logical_name)
        if found is None:
            return AccessResult.OBJECT_UNDEFINED
        return found if found.class_id == wanted.class_id else AccessResult.OBJECT_CLASS_INCONSISTENT

    async def read(self, wanted: Attribute, selector: Selector | None = None) -> Answer:
        """One attribute, encoded, all of it or what the selector chooses; or why not."""
        answer = await self._read(wanted, selector)
        self._counters.unavailable += isinstance(answer, AccessResult)
        return answer

    async def set(self, wanted: Attribute, data: Data) -> AccessResult:
        """Set an attribute; answers when it is done."""
        found = self.find(wanted)
        if isinstance(found, AccessResult):
            return found
        attribute = found.attributes.get(wanted.number)
        if attribute is None or attribute.set is None or not self._mode(attribute) & WRITE:
            return AccessResult.READ_WRITE_DENIED
        return await attribute.set(data, self._caller)

    async def call(self, wanted: Attribute, data: Data | None) -> ActionOutcome:
        """Call a method."""
        found = self.find(wanted)
        if isinstance(found, AccessResult):
            return ActionOutcome(ActionResult.of(found))
        method = found.methods.get(wanted.number)
        if method is None or not self._may_call(found):
            return ActionOutcome(ActionResult.READ_WRITE_DENIED)
        return await method(data or Data(NULL, None), self._caller)

    def _mode(self, attribute: CosemAttribute) -> int:
        readable = attribute.read is not None or attribute.select is not None
        return READ * readable | WRITE * (attribute.set is not None and self._rights.may_write)

    def _may_call(self, found: CosemObject) -> bool:
        return self._rights.may_write or found is self.association

    async def _read(self, wanted: Attribute, selector: Selector | None) -> Answer:
        found = self.find(wanted)
        if isinstance(found, AccessResult):
            return found
        attribute = found.attributes.get(wanted.number)
        if attribute is None or not self._mode(attribute) & READ:
            return AccessResult.READ_WRITE_DENIED
        try:
            selection: Selection | None = selector and read_parameter(*selector)
        except CodecError:
            return AccessResult.SCOPE_OF_ACCESS_VIOLATED
        if attribute.select is not None:
            return await attribute.select(selection)
        if attribute.read is None or selection is not None:
            return AccessResult.SCOPE_OF_ACCESS_VIOLATED
        return attribute.read()
