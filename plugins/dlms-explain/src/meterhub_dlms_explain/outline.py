# SPDX-License-Identifier: GPL-2.0-only
"""An explained APDU in a few words: service, invoke-id and objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from meterhub_dlms_explain.catalogue import class_names

MOST_OBJECTS = 50


def service(apdu: Element) -> str:
    """The service as in the standards, such as ``get-request-normal``; empty when nothing could be explained."""
    if not len(apdu):
        return ""
    root = apdu[0]
    if root.tag == "Ciphered":
        within = service(root)
        return f"{root.get('Service')}: {within}" if within else root.get("Service", "")
    inner = root[0] if len(root) and root[0].tag.startswith(root.tag) else root
    return _words(inner.tag)


def invoke_id(apdu: Element) -> int | None:
    """The first invoke-id there is; short-name services have none."""
    found = next((element for element in apdu.iter() if element.get("InvokeId")), None)
    return None if found is None else int(found.get("InvokeId", "0"))


def objects(apdu: Element) -> list[str]:
    """What the APDU is about: descriptors, short names and OBIS codes among the data; at most :data:`MOST_OBJECTS`."""
    found = list(dict.fromkeys(_objects(apdu)))
    more = [f"and {len(found) - MOST_OBJECTS} more"] if len(found) > MOST_OBJECTS else []
    return found[:MOST_OBJECTS] + more


def _objects(apdu: Element) -> Iterator[str]:
    for element in apdu.iter():
        if element.tag in ("AttributeDescriptor", "MethodDescriptor"):
            yield _descriptor(element)
        elif element.tag == "VariableName":
            yield f"short name {int(element.get('Value', '0')):04x}"
        elif element.tag == "OctetString" and (told := element.get("Object")):
            yield told


def _descriptor(element: Element) -> str:
    named = {child.tag: child for child in element}
    class_id = int(named["ClassId"].get("Value", "0"))
    told = [named["InstanceId"].get("Object", ""), f"class {class_id} {class_names().get(class_id, '')}".strip()]
    told += [f"{kind} {named[tag].get('Value')}" for kind, tag in _MEMBERS.items() if tag in named]
    return ", ".join(told)


_MEMBERS = {"attribute": "AttributeId", "method": "MethodId"}


def _words(tag: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", tag.replace("with", "With")).lower()
