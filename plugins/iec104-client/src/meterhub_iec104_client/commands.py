# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands: a value written in the hub as what the station is sent, and what its answer means."""

from __future__ import annotations

import asyncio
import math
from functools import partial

import c104
from meterhub_sdk import NotDone, Refused, Value

from meterhub_iec104_client.asdu import ACTIVATION_CON, SELECT, Asdu, cause_phrase
from meterhub_iec104_client.errors import LinkLost
from meterhub_iec104_client.link import Link
from meterhub_iec104_client.settings import CommandName, MappedPoint

TYPE_IDS: dict[CommandName, int] = {
    "C_SC": 45, "C_DC": 46, "C_RC": 47, "C_SE_NA": 48, "C_SE_NB": 49, "C_SE_NC": 50, "C_BO": 51,
}  # fmt: skip
_FLOAT_MAX = 3.4028234663852886e38


def encode(point: MappedPoint, value: Value) -> object:
    """The value as c104 wants it for the command of the point; ``Refused`` when it cannot be sent."""
    if value is None or isinstance(value, str) or not math.isfinite(value):
        raise Refused(f"{point.label} takes a number, not {value!r:.40}")
    if point.command in ("C_SC", "C_DC"):
        is_on = _switched(point, value)
        return is_on if point.command == "C_SC" else (c104.Double.ON if is_on else c104.Double.OFF)
    if point.command == "C_RC":
        if value not in (1, 2):
            raise Refused(f"{point.label} takes 1 (lower) or 2 (higher), not {value}")
        return c104.Step.HIGHER if value == 2 else c104.Step.LOWER
    scaled = value / point.scaling
    if point.command == "C_SE_NA":
        return c104.NormalizedFloat(_within(point, scaled, -1.0, 32767 / 32768))
    if point.command == "C_SE_NB":
        return c104.Int16(round(_within(point, scaled, -32768, 32767)))
    if point.command == "C_BO":
        return c104.Byte32(int(_within(point, scaled, 0, 2**32 - 1)).to_bytes(4, "little"))
    return float(_within(point, scaled, -_FLOAT_MAX, _FLOAT_MAX))


def _switched(point: MappedPoint, value: float) -> bool:
    """On or off: true and false for single points, 2 and 1 for double points."""
    off, on = (False, True) if point.type == "M_SP" else (1, 2)
    if value not in (off, on):
        raise Refused(f"{point.label} takes {off} (off) or {on} (on), not {value}")
    return value == on


def _within(point: MappedPoint, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise Refused(f"{point.label} sends {value} after scaling; {point.command} takes {low} to {high}")
    return value


class Commanding:
    """The commands of one connection, one after the other."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = asyncio.Lock()
        self._waiting: tuple[int, int, asyncio.Future[Asdu]] | None = None
        self._over = ""
        self._sending: asyncio.Future[None] | None = None

    def take(self, asdu: Asdu) -> None:
        """An answer to a command came."""
        if self._waiting is None:
            return
        type_id, ioa, answer = self._waiting
        if asdu.type_id != type_id or answer.done() or not asdu.objects or asdu.objects[0][0] != ioa:
            return
        refused = asdu.negative or asdu.cause in (44, 45, 46, 47)
        executed = asdu.cause == ACTIVATION_CON and not (type_id != 51 and asdu.objects[0][1][-1:] >= bytes((SELECT,)))
        if refused or executed:
            answer.set_result(asdu)

    def lost(self, reason: str) -> None:
        """The connection is gone: whoever waits for an answer hears so, and whoever waits for their turn is refused."""
        self._over = reason
        if self._waiting is not None and not self._waiting[2].done():
            self._waiting[2].set_exception(LinkLost(reason))

    async def perform(self, point: MappedPoint, value: Value) -> None:
        """Send it and wait for the station's confirmation.

        ``Refused`` with the station's reason; ``NotDone`` when no answer came, and then the connection
        is given up.
        """
        encoded = encode(point, value)
        assert point.command is not None
        async with self._turn:
            if self._over:
                raise Refused(f"{point.label}: nothing was sent, because the station was lost: {self._over}")
            answer: asyncio.Future[Asdu] = asyncio.get_running_loop().create_future()
            self._waiting = TYPE_IDS[point.command], point.target, answer
            try:
                asdu = await self._exchange(point, encoded, answer)
            finally:
                self._waiting = None
                answer.cancel()
        if asdu.negative or asdu.cause in (44, 45, 46, 47):
            reason = cause_phrase(asdu.cause)
            raise Refused(f"{point.label}: {reason} (IOA {point.target}, cause {asdu.cause})")

    async def _exchange(self, point: MappedPoint, encoded: object, answer: asyncio.Future[Asdu]) -> Asdu:
        limit = self._link.station.answer_time
        if self._sending is not None:
            await asyncio.wait([self._sending])
        self._sending = self._link.transmit(point, encoded)
        self._sending.add_done_callback(partial(_sent, answer))
        try:
            async with asyncio.timeout(limit):
                return await answer
        except TimeoutError:
            self._give_up(f"it did not answer a command to IOA {point.target} within {limit} s")
            raise NotDone(f"{point.label}: the station did not answer the command within {limit} s") from None
        except LinkLost as error:
            raise NotDone(f"{point.label}: the connection was lost before the station answered: {error}") from None
        except asyncio.CancelledError:
            self._give_up(f"a command to IOA {point.target} was abandoned")
            raise

    def _give_up(self, reason: str) -> None:
        self._over = reason
        self._link.fail(reason)


def _sent(answer: asyncio.Future[Asdu], sending: asyncio.Future[None]) -> None:
    """What went wrong while it was sent is known to whoever waits."""
    if not sending.cancelled() and (error := sending.exception()) is not None and not answer.done():
        answer.set_exception(LinkLost(f"it could not be sent: {error}"))
