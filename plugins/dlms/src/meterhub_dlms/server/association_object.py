"""The object of the current association: class 15 with logical names, class 12 with short ones (IEC 62056-6-2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meterhub_dlms.codec import acse, axdr, short_names, xdlms
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.short_names import ListedObject
from meterhub_dlms.codec.xdlms import Initiate
from meterhub_dlms.server.access import Access, Visible
from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.cosem import Answer, Caller, CosemAttribute, CosemObject, Method, fixed
from meterhub_dlms.server.object_settings import ASSOCIATION_NAME, SECURITY_NAME
from meterhub_dlms.server.site import Served

_ASSOCIATED = 2
_SECURITY_SETUP = 64
_REPLY_LN, _CHANGE_LN = 1, 2
_CHANGE_SN, _REPLY_SN = 5, 8

Prover = Callable[[bytes], bytes | None]
"""Answers the client's proof with our own, or not at all."""


class Facts(NamedTuple):
    """What the object tells of its association."""

    served: Served
    client: ClientAccess
    context: int
    agreed: Initiate

    @property
    def security_setup(self) -> bytes | None:
        """Logical name of the security setup, where the device has one."""
        found = self.served.device.objects.get(SECURITY_NAME)
        return SECURITY_NAME if found is not None and found.class_id == _SECURITY_SETUP else None


def logical_name_object(access: Access, facts: Facts, prove: Prover | None) -> CosemObject:
    """Class 15: version 1 where the device has a security setup, else 0. Its secret cannot be read or set here."""
    setup = facts.security_setup
    version = 0 if setup is None else 1

    def object_list() -> bytes:
        rows = [_object_row(shown, access, version) for shown in access.visible()]
        return encode(Data(axdr.ARRAY, rows))

    partners = [Data(axdr.INT8, facts.client.address), Data(axdr.UINT16, facts.served.device.address)]
    attributes = {
        2: CosemAttribute(read=_once(object_list)),
        3: fixed(Data(axdr.STRUCTURE, partners)),
        4: fixed(Data(axdr.OCTET_STRING, acse.context_name(facts.context))),
        5: fixed(_context_information(facts)),
        6: fixed(Data(axdr.OCTET_STRING, acse.mechanism_name(facts.client.mechanism))),
        7: CosemAttribute(),
        8: fixed(Data(axdr.ENUM, _ASSOCIATED)),
    }
    if setup is not None:
        attributes[9] = fixed(Data(axdr.OCTET_STRING, setup))
    methods = {} if prove is None else {_REPLY_LN: _reply(prove), _CHANGE_LN: _denied}
    return CosemObject(15, version, ASSOCIATION_NAME, attributes, methods)


def short_name_object(access: Access, facts: Facts, prove: Prover | None) -> CosemObject:
    """Class 12: version 2 where the device has a security setup, else 1."""
    setup = facts.security_setup
    bases = facts.served.names.bases

    def object_list() -> bytes:
        listed = (
            ListedObject(bases[shown.logical_name], shown.class_id, shown.version, shown.logical_name)
            for shown in access.visible()
        )
        return encode(short_names.encode_list(listed))

    def rights() -> bytes:
        return encode(Data(axdr.ARRAY, [_rights_row(bases[o.logical_name], o, access) for o in access.visible()]))

    attributes = {2: CosemAttribute(read=_once(object_list)), 3: CosemAttribute(read=_once(rights))}
    if setup is not None:
        attributes[4] = fixed(Data(axdr.OCTET_STRING, setup))
    methods = {} if prove is None else {_CHANGE_SN: _denied, _REPLY_SN: _reply(prove)}
    return CosemObject(12, 1 if setup is None else 2, ASSOCIATION_NAME, attributes, methods)


def _once(make: Callable[[], bytes]) -> Callable[[], Answer]:
    """What ``make`` gives, made at the first call: the rights of an association never change."""
    made: list[bytes] = []

    def read() -> Answer:
        if not made:
            made.append(make())
        return made[0]

    return read


def _context_information(facts: Facts) -> Data:
    """Conformance, sizes, version, quality of service and the dedicated key, which is never shown."""
    agreed = facts.agreed
    conformance = Data(axdr.BIT_STRING, f"{int(agreed.conformance):024b}")
    sizes = [Data(axdr.UINT16, facts.served.device.max_pdu_size), Data(axdr.UINT16, agreed.max_pdu_size or 0xFFFF)]
    rest = [Data(axdr.UINT8, xdlms.DLMS_VERSION), Data(axdr.INT8, 0), Data(axdr.OCTET_STRING, b"")]
    return Data(axdr.STRUCTURE, [conformance, *sizes, *rest])


def _reply(prove: Prover) -> Method:
    async def reply(data: Data, _: Caller) -> ActionOutcome:
        answer = prove(data.value) if data.tag == axdr.OCTET_STRING else None
        if answer is None:
            return ActionOutcome(ActionResult.READ_WRITE_DENIED)
        return ActionOutcome(ActionResult.SUCCESS, Data(axdr.OCTET_STRING, answer))

    return reply


async def _denied(_: Data, __: Caller) -> ActionOutcome:
    """Secrets are changed where they are kept, not over the line."""
    return ActionOutcome(ActionResult.READ_WRITE_DENIED)


def _object_row(shown: CosemObject, access: Access, version: int) -> Data:
    """One row of an object list with logical names: class, version, logical name, access rights."""
    rights = Data(axdr.STRUCTURE, [_attributes(shown, access), _methods(access.methods(shown), version)])
    name = Data(axdr.OCTET_STRING, shown.logical_name)
    return Data(axdr.STRUCTURE, [Data(axdr.UINT16, shown.class_id), Data(axdr.UINT8, shown.version), name, rights])


def _rights_row(base: int, shown: CosemObject, access: Access) -> Data:
    """One row of the access rights with short names."""
    signed = base - 0x10000 if base > 0x7FFF else base
    methods = _methods(access.methods(shown), 0)
    return Data(axdr.STRUCTURE, [Data(axdr.INT16, signed), _attributes(shown, access), methods])


def _attributes(shown: CosemObject, access: Access) -> Data:
    return Data(axdr.ARRAY, [_attribute(visible) for visible in access.attributes(shown)])


def _attribute(visible: Visible) -> Data:
    selectors = [Data(axdr.INT8, selector) for selector in visible.selectors]
    chosen = Data(axdr.ARRAY, selectors) if selectors else Data(axdr.NULL, None)
    return Data(axdr.STRUCTURE, [Data(axdr.INT8, visible.number), Data(axdr.ENUM, visible.mode), chosen])


def _methods(methods: Iterable[Visible], version: int) -> Data:
    """A boolean for each method, from version 1 of class 15 on an enumeration."""
    tag = axdr.ENUM if version else axdr.BOOLEAN
    rows = [Data(axdr.STRUCTURE, [Data(axdr.INT8, each.number), Data(tag, each.mode)]) for each in methods]
    return Data(axdr.ARRAY, rows)
