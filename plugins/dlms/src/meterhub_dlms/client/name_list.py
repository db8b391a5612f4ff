"""Which short names a meter has: its object list, read once and kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence

from meterhub_dlms.client.errors import AssociationRefused
from meterhub_dlms.client.name_cache import KeptNames, NameCache, ObjectKey
from meterhub_dlms.codec import short_names
from meterhub_dlms.codec.axdr import decode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.short_names import FIRST_METHOD, ListedObject, ShortNames, attribute_name
from meterhub_dlms.codec.xdlms import AccessResult

DEVICE_NAME = Attribute(1, bytes((0, 0, 42, 0, 0, 255)), 2)
"""The logical device name; it has a short name that the standard fixes."""

OBJECT_LIST_NAME = attribute_name(short_names.ASSOCIATION, 2)
DEVICE_NAME_NAME = attribute_name(short_names.DEVICE_NAME, 2)

MAX_OBJECTS = 10_000
"""Objects that a meter may have."""

ReadName = Callable[[int], Awaitable[bytes | AccessResult]]


class NameList:
    """The short names of the meter at the other end of one association.

    A list that was kept counts as long as the logical device name is the same, no listed object turns out to be
    undefined, and nothing is looked for that is not in it. What a meter has not is remembered too, so that a
    mapping in vain costs one reading of the list and not one in each association.
    """

    def __init__(self, cache: NameCache | None) -> None:
        self.known = ShortNames(())
        self._bases: Sequence[int] = ()
        self._cache = cache
        self._device = b""
        self._absent: frozenset[ObjectKey] = frozenset()
        self._fresh = False

    async def begin(self, read: ReadName) -> None:
        """Find out which meter it is, and its list; :class:`AssociationRefused` when it does not show one."""
        device = await read(DEVICE_NAME_NAME)
        self._device = device if isinstance(device, bytes) else b""
        kept = self._cache.load(self._device) if self._cache is not None and self._device else None
        if kept is None:
            await self._read(read)
        else:
            self._know(kept.objects)
            self._absent = kept.absent

    def of(self, attribute: Attribute) -> int | None:
        """The short name of an attribute; ``None`` when the meter has none."""
        if attribute == DEVICE_NAME:
            return DEVICE_NAME_NAME
        try:
            name = self.known.of(attribute)
        except CodecError:
            return None
        return (
            name if name is not None and self._belongs(name, attribute, FIRST_METHOD.get(attribute.class_id)) else None
        )

    def of_method(self, method: Attribute) -> int | None:
        """The short name of a method; ``CodecError`` for a class whose layout is not known."""
        name = self.known.of_method(method)
        return name if name is not None and self._belongs(name, method, None) else None

    async def look_again(self, attributes: Sequence[Attribute], read: ReadName) -> None:
        """Read the list again when it was kept and objects are wanted that are not in it."""
        wanted = {(attribute.class_id, attribute.logical_name) for attribute in attributes if attribute != DEVICE_NAME}
        missing = {key for key in wanted if not self._lists(key)} - self._absent
        if not missing:
            return
        if not self._fresh:
            await self._read(read)
        self._absent |= {key for key in missing if not self._lists(key)}
        self._save()

    def forget(self) -> None:
        """The meter does not have what it listed: the next association reads its list anew."""
        if self._cache is not None:
            self._cache.forget()

    async def _read(self, read: ReadName) -> None:
        encoded = await read(OBJECT_LIST_NAME)
        if isinstance(encoded, AccessResult):
            raise AssociationRefused(f"it does not show its object list: {encoded.phrase}")
        objects = short_names.decode_list(decode(encoded))
        if len(objects) > MAX_OBJECTS:
            raise AssociationRefused(f"it lists {len(objects)} objects; {MAX_OBJECTS} will do")
        if tuple(objects) != self.known.objects:
            self._know(objects)
            self._absent = frozenset()
        self._fresh = True
        self._save()

    def _know(self, objects: Sequence[ListedObject]) -> None:
        self.known = ShortNames(objects)
        self._bases = sorted({listed.base_name for listed in objects})

    def _lists(self, key: ObjectKey) -> bool:
        return self.known.of(Attribute(*key, short_names.LOGICAL_NAME_ATTRIBUTE)) is not None

    def _belongs(self, name: int, wanted: Attribute, end: int | None) -> bool:
        """Whether a name lies within its object: behind it begins the next one, whose value it would give.

        ``end`` is where the methods begin, if that is known.
        """
        base = self.known.of(wanted._replace(number=short_names.LOGICAL_NAME_ATTRIBUTE))
        if base is None or (end is not None and name >= base + end):
            return False
        return self._bases[bisect_right(self._bases, name) - 1] == base

    def _save(self) -> None:
        objects: Sequence[ListedObject] = self.known.objects
        if self._cache is not None and self._device:
            self._cache.save(self._device, KeptNames(objects, self._absent))
