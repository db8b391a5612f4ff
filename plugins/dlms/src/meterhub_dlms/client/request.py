"""A request that is encoded once and sent often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute, GetResult
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.selection import Selection
from meterhub_dlms.codec.short_names import ShortNames
from meterhub_dlms.codec.xdlms import AccessResult, Conformance


@dataclass(slots=True)
class Request:
    """Several attributes to be read in one request, as one association encoded it.

    With short names ``found`` says which of them the meter has, by the list ``names``.
    """

    attributes: Sequence[Attribute]
    encoded: bytearray
    found: Sequence[bool] = ()
    names: ShortNames | None = None


class Referencing(Protocol):
    """How objects are named in the services of one association: by logical names or by short ones.

    Every service raises :class:`RequestRejected` when the meter turns the request down as a whole; any other error
    ends the association.
    """

    needed: Conformance
    """What the meter must grant, or nothing can be read."""
    item_size: int
    """Bytes of one attribute in a request for several."""

    def prepare(self, attributes: Sequence[Attribute]) -> Request:
        """Encode a request for one or several attributes."""
        ...

    def request_size(self, count: int) -> int:
        """Bytes of a request for ``count`` attributes."""
        ...

    async def begin(self) -> None:
        """What comes first on a new association."""
        ...

    async def get_many(self, request: Request) -> Sequence[GetResult]:
        """Read what was prepared; one result for each attribute."""
        ...

    async def get_encoded(self, attribute: Attribute, selection: Selection | None) -> bytes | AccessResult:
        """Read one attribute and leave it encoded."""
        ...

    async def set(self, attribute: Attribute, data: Data, encoded: bytes) -> AccessResult:
        """Write one attribute; ``encoded`` is ``data``, encoded."""
        ...

    async def action(self, method: Attribute, data: Data | None) -> ActionOutcome:
        """Call a method."""
        ...

    async def reply_to_hls(self, proof: bytes, *, one_way: bool) -> bytes | None:
        """Give the meter our proof (pass 3); its own (pass 4), ``None`` when it gives none.

        With ``one_way`` the mechanism asks for none.
        """
        ...
