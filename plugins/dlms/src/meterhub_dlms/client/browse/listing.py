"""Reads the object list of a meter, as a last resort: what was kept of it goes first."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from meterhub_sdk import Refused

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.browse.list_cache import ListCache, ListKey
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.client.name_list import MAX_OBJECTS
from meterhub_dlms.client.polling import DEVICE_NAME
from meterhub_dlms.client.values import readable
from meterhub_dlms.codec import object_list, short_names
from meterhub_dlms.codec.axdr import Data, decode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.object_list import LN_LIST, SN_LIST, SN_RIGHTS, ObjectList, Rights
from meterhub_dlms.codec.short_names import ShortNames
from meterhub_dlms.codec.xdlms import AccessResult

_OBJECTS, _NAMES, _RIGHTS = "objects", "names", "rights"


class Listing(NamedTuple):
    """The object list of a meter; ``mark`` is another one for another list."""

    device: str
    objects: ObjectList
    mark: str


async def read_listing(association: Association, meter: Meter, cache: ListCache, *, anew: bool) -> Listing:
    """The list over an open association: from disk unless it is to be read ``anew``.

    ``Refused`` when the meter does not show one. It is one long exchange, in which the meter itself can be asked
    nothing else; the bus serves others meanwhile.
    """
    device = await _device(association)
    lookup = _Lookup(association, cache, ListKey(device, meter.client_address, ""), anew)
    names = association.short_names
    objects = await _with_logical_names(lookup) if names is None else await _with_short_names(lookup, names)
    if len(objects.rows) > MAX_OBJECTS:
        raise Refused(f"the meter lists {len(objects.rows)} objects; {MAX_OBJECTS} will do")
    mark = zlib.crc32(repr(objects.rows).encode())
    return Listing(readable(device), objects, f"{mark:08x}")


class _Lookup:
    """Finds a long attribute on disk or in the meter."""

    def __init__(self, association: Association, cache: ListCache, key: ListKey, anew: bool) -> None:
        self._association = association
        self._cache = cache
        self._key = key
        self.anew = anew

    async def find(self, kind: str, attribute: Attribute) -> Data | AccessResult:
        """The attribute, decoded; ``CodecError`` when it is malformed, which then is not kept."""
        key = self._key._replace(kind=kind)
        kept = None if self.anew else self._cache.load(key)
        if kept is not None:
            return decode(kept)
        answer = await self._association.get_encoded(attribute)
        if isinstance(answer, AccessResult):
            return answer
        data = decode(answer)
        self._cache.save(key, answer)
        return data


async def _device(association: Association) -> bytes:
    """The logical device name, empty where the meter does not tell it."""
    try:
        name = await association.get(DEVICE_NAME)
    except RequestRejected:
        return b""
    return name.value if isinstance(name, Data) and isinstance(name.value, bytes) else b""


async def _with_logical_names(lookup: _Lookup) -> ObjectList:
    try:
        data = await lookup.find(_OBJECTS, LN_LIST)
        if isinstance(data, Data):
            return object_list.decode_list(data)
        reason = data.phrase
    except (RequestRejected, CodecError) as error:
        reason = str(error)
    raise Refused(f"the meter does not show its object list: {reason}")


async def _with_short_names(lookup: _Lookup, names: ShortNames) -> ObjectList:
    """The association knows its list already, from disk; what it tells ``anew`` counts for the browser alone."""
    listed = names.objects
    if lookup.anew:
        with suppress(RequestRejected, CodecError):
            data = await lookup.find(_NAMES, SN_LIST)
            listed = tuple(short_names.decode_list(data)) if isinstance(data, Data) else listed
    return object_list.of_short_names(listed, await _rights(lookup))


async def _rights(lookup: _Lookup) -> Mapping[int, Rights]:
    """With short names; many older meters do not tell them."""
    try:
        data = await lookup.find(_RIGHTS, SN_RIGHTS)
        return object_list.decode_rights(data) if isinstance(data, Data) else {}
    except (RequestRejected, CodecError):
        return {}
