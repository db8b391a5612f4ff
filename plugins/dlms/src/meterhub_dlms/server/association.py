"""The server's side of one association: who it is, what was agreed, and whether the client proved itself."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Sequence

from meterhub_dlms.codec import acse, hls, ln, short_names, sn
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.hls import Parties, Secrets
from meterhub_dlms.codec.xdlms import Initiate, ServiceError
from meterhub_dlms.server.access import Access, Rights
from meterhub_dlms.server.action_service import ActionService
from meterhub_dlms.server.association_object import Facts, logical_name_object, short_name_object
from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.cosem import Caller, CosemObject
from meterhub_dlms.server.exchange import Exchange, NotServed
from meterhub_dlms.server.get_service import GetService
from meterhub_dlms.server.names import targets_of
from meterhub_dlms.server.object_settings import ASSOCIATION_NAME
from meterhub_dlms.server.objects.device_wide import security_setup
from meterhub_dlms.server.set_service import SetService
from meterhub_dlms.server.shield import Shield
from meterhub_dlms.server.short_name_service import ShortNameService
from meterhub_dlms.server.site import Served, Site, Visitor

UNLIMITED = 0xFFFF
WHOLE = 1 << 20
"""Bytes of an answer that goes out in general blocks, which know no smaller limit."""

_REPLY_METHOD_LN = (15).to_bytes(2, "big") + ASSOCIATION_NAME + b"\x01"
_REPLY_METHOD_SN = short_names.method_name(short_names.ASSOCIATION, 12, 8)


class Proof:
    """High-level security, pass 3 and 4: the client answers our challenge, and we answer its own.

    ``denied`` tells why an answer was wrong, after which the association is over.
    """

    def __init__(self, mechanism: Mechanism, parties: Parties, known: Secrets, site: Site, visitor: Visitor) -> None:
        self.given = False
        self.denied = ""
        self._mechanism = mechanism
        self._parties = parties
        self._known = known
        self._site = site
        self._visitor = visitor

    def __call__(self, answer: bytes) -> bytes | None:
        """Our answer, when the client's is right; ``None`` when it is wrong, comes too often, or twice."""
        throttle = self._site.throttle
        if self.given or self.denied or not throttle.attempt(*self._visitor):
            self.denied = self.denied or "too many wrong answers"
            return None
        try:
            hls.verify(self._mechanism, self._parties, self._known, answer)
            ours = hls.proof(self._mechanism, self._parties, self._known)
        except CodecError as error:
            self.denied = str(error)
            return None
        throttle.succeeded(*self._visitor)
        self.given = True
        return ours


class ServerAssociation:
    """An open association of one client with one logical device.

    ``proof`` stands where the mechanism asks for one; until it is given, nothing else is served.
    """

    def __init__(
        self,
        served: Served,
        client: ClientAccess,
        request: acse.AssociationRequest,
        agreed: Initiate,
        site: Site,
        visitor: Visitor,
        shield: Shield | None,
        proof: Proof | None,
    ) -> None:
        self.client = client
        self.shield = shield
        self.proof = proof
        self.logical_names = request.context in (acse.CONTEXT_LN, acse.CONTEXT_LN_CIPHERED)
        self.answer_limit = agreed.max_pdu_size or UNLIMITED
        """Bytes that one response may have: what the client can receive."""
        self.conformance = agreed.conformance
        self.general_blocks = False
        """Whether the next answer goes out in general blocks when it is long."""
        caller = Caller(client.address, visitor.reason)
        facts = Facts(served, client, request.context, agreed)
        own_objects = _own_objects(facts, site.keyring.title, request.title)
        objects = ChainMap(own_objects, served.device.objects)
        self._access = Access(objects, Rights(client), caller, site.counters)
        self._exchange = Exchange(self._access, agreed.conformance, self._service_limit)
        if self.logical_names:
            self._access.association = logical_name_object(self._access, facts, proof)
            self._handle = self._logical_service
        else:
            itself = short_name_object(self._access, facts, proof)
            self._access.association = itself
            own = targets_of(itself, short_names.ASSOCIATION)
            self._handle = ShortNameService(self._exchange, served.names, own).handle

    @property
    def open(self) -> bool:
        """Whether anything but the proof is served."""
        return self.proof is None or self.proof.given

    async def serve(self, apdu: bytes) -> bytes | None:
        """The answer to a request in clear, ``None`` where none is wanted.

        ``CodecError`` when it is malformed, ``NotServed`` when it cannot be served as a whole.
        """
        if not self.open and not self._is_proof(apdu):
            raise NotServed(ServiceError.OPERATION_NOT_POSSIBLE)
        return await self._handle(apdu)

    async def _logical_service(self, apdu: bytes) -> bytes | None:
        make: Callable[[Exchange], GetService | SetService | ActionService] | None = _SERVICES.get(apdu[0])
        if make is None:
            raise CodecError(f"the service {apdu[0]:#04x} is not served")
        return await make(self._exchange).handle(apdu)

    def _is_proof(self, apdu: bytes) -> bool:
        if self.logical_names:
            return apdu[0] == ln.ACTION_REQUEST and apdu[1:2] == b"\x01" and apdu[3:12] == _REPLY_METHOD_LN
        if apdu[0] == sn.READ_REQUEST:
            items: Sequence[sn.Specification] = sn.decode_read_request(apdu)
        elif apdu[0] == sn.WRITE_REQUEST:
            # As meters of Landis+Gyr take it: their mechanism proves the client only, and nothing is returned.
            items = sn.decode_write_request(apdu).items
        else:
            return False
        return len(items) == 1 and isinstance(items[0], sn.Variable) and items[0].name == _REPLY_METHOD_SN

    def _service_limit(self) -> int:
        if self.general_blocks:
            return WHOLE
        return self.answer_limit - (0 if self.shield is None else self.shield.overhead)


def _own_objects(facts: Facts, server_title: bytes, client_title: bytes) -> dict[bytes, CosemObject]:
    """The objects of a device that tell each client something else: its security setup."""
    setup = facts.security_setup
    if setup is None:
        return {}
    title = client_title or bytes.fromhex(facts.client.system_title)
    return {setup: security_setup(facts.client.security, server_title, title)}


_SERVICES: dict[int, Callable[[Exchange], GetService | SetService | ActionService]] = {
    ln.GET_REQUEST: GetService,
    ln.SET_REQUEST: SetService,
    ln.ACTION_REQUEST: ActionService,
}
