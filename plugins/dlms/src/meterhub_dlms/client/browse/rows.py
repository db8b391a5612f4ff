"""An object of a meter as a row for people, with a mapping to be taken over."""

from __future__ import annotations

from meterhub_sdk import PointType

from meterhub_dlms.client.browse.contents import VALUE, Content
from meterhub_dlms.client.browse.models import AttributeInfo, ObjectInfo
from meterhub_dlms.client.browse.readable import point_type, shown, type_name
from meterhub_dlms.client.mapping_settings import SCALED_ATTRIBUTES, Mapping
from meterhub_dlms.client.ratios import primary
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.client.values import ValueMismatch, to_value
from meterhub_dlms.codec import obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.object_list import AttributeRights, ObjectRow, Rights

_NO_CONTENT = Content()
_USUAL: dict[int, PointType] = {1: "float", 3: "float", 4: "float", 5: "float", 8: "str", 70: "bool"}
"""Type of the point for classes whose value was not read."""

_ACCESS = {(False, False): "none", (True, False): "read", (False, True): "write", (True, True): "read and write"}


def object_row(meter: Meter, row: ObjectRow, content: Content = _NO_CONTENT) -> ObjectInfo:
    """One object, with what was read of it."""
    value, scaling = content
    data = value if isinstance(value, Data) else None
    rights = {} if row.rights is None else _rights(row.rights)
    return ObjectInfo(
        class_id=row.class_id,
        class_version=row.version,
        logical_name=obis.text(row.logical_name),
        scaler=None if scaling is None else scaling.exponent,
        unit="" if scaling is None else scaling.unit,
        data_type="" if data is None else type_name(data),
        raw="" if data is None else shown(data),
        value="" if data is None else _value(meter, data, content),
        problem=value if isinstance(value, str) else "",
        mapping=_mapping(row, content),
        **rights,
    )


def _rights(rights: Rights) -> dict[str, object]:
    attributes = [AttributeInfo(number=each.number, access=_access(each)) for each in rights.attributes]
    return {"attributes": attributes, "methods": list(rights.methods)}


def _access(rights: AttributeRights) -> object:
    return _ACCESS[rights.read, rights.write]


def _value(meter: Meter, data: Data, content: Content) -> str:
    """Scaled where there is a scaler; otherwise as it is."""
    if content.scaling is None:
        return shown(data)
    try:
        value = to_value(data, "float", content.scaling.exponent)
    except ValueMismatch:
        return shown(data)
    return f"{primary(meter, value, content.scaling.unit):.15g}"


def _mapping(row: ObjectRow, content: Content) -> Mapping | None:
    """Attribute 2 as a point, where it can be one and this client may read it."""
    if row.rights is not None and not row.rights.of(VALUE).read:
        return None
    if isinstance(content.value, Data):
        kind = point_type(content.value, scaled=VALUE in SCALED_ATTRIBUTES.get(row.class_id, ()))
    else:
        kind = _USUAL.get(row.class_id) if content.value is None else None
    if kind is None:
        return None
    name = obis.text(row.logical_name)
    return Mapping(
        label=name.removesuffix("*255").replace("*", "."),
        class_id=row.class_id,
        logical_name=name,
        attribute=VALUE,
        type=kind,
        unit="" if content.scaling is None else content.scaling.unit,
    )
