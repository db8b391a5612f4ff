"""Where answers go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Protocol

from meterhub_iec104.apci import ProtocolError
from meterhub_iec104.asdu import Asdu

_log = logging.getLogger(__name__)


class Replies(Protocol):
    """The session of the master that asked."""

    @property
    def origin(self) -> str:
        """Address and port of the master, for people."""

    @property
    def closed(self) -> bool:
        """Whether the connection is gone."""

    def reply(self, *asdus: bytes) -> None:
        """Send an answer, or those of several stations to one request, before anything else."""

    def begin(self, request: Asdu, answers: Iterator[bytes]) -> bool:
        """Send a long answer behind all replies, as the window allows; ``False`` when too many are under way."""

    def cancel(self, request: Asdu) -> bool:
        """Stop the long answer to a request like this one; ``False`` when there is none."""

    def flush(self) -> None:
        """Write out what was replied outside of a request, also when the connection is gone."""


def answer_late(replies: Replies | None, answer: Callable[[], None]) -> None:
    """Answer outside of a request; ``None`` or a closed session is a master that is gone, which gets nothing.

    One with no room for answers is about to be cut off by its timers.
    """
    if replies is None or replies.closed:
        return
    try:
        answer()
    except ProtocolError as error:
        _log.info("the master at %s was not answered: %s", replies.origin, error)
    replies.flush()
