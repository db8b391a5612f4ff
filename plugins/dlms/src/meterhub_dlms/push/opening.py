"""From an APDU to a push of a known meter: identified, verified, deciphered, decoded."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.client.values import readable
from meterhub_dlms.codec import ciphering as protection
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import SecurityError
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.notification import (
    DATA_NOTIFICATION,
    EVENT_NOTIFICATION,
    DataNotification,
    EventNotification,
    decode_data_notification,
    decode_event_notification,
)
from meterhub_dlms.push import content
from meterhub_dlms.push.content import Content, Element
from meterhub_dlms.push.keys import authenticates
from meterhub_dlms.push.meter import MeterIntake, Pushed
from meterhub_dlms.push.senders import Senders

_SHOWN_TEXTS = 4


class Opened(NamedTuple):
    """A push of a meter; ``event`` where it is an event notification."""

    intake: MeterIntake
    pushed: Pushed
    event: EventNotification | None


class Unknown(Exception):
    """Nobody in the settings; the text is what the sender says of itself."""


class Rejected(Exception):
    """A push of a known meter that must not be taken; ``security`` where somebody may be at work."""

    def __init__(self, intake: MeterIntake, reason: str, *, security: bool) -> None:
        super().__init__(reason)
        self.intake = intake
        self.security = security


def open_push(apdu: bytes, host: str, senders: Senders) -> Opened:
    """The push within an APDU.

    :class:`Unknown` or :class:`Rejected` when it is not to be taken, ``CodecError`` when it is in clear and none.
    """
    if protection.is_ciphered(apdu):
        return _protected(apdu, host, senders)
    pushed, event = _decoded(apdu, host)
    texts = None if event is not None else _texts(pushed.content)
    intake = senders.in_clear(host, texts)
    if intake is None:
        raise Unknown(", ".join(sorted(texts or ())[:_SHOWN_TEXTS]))
    if intake.ciphering is not None:
        raise Rejected(intake, "it came in clear, and the meter has keys", security=True)
    return Opened(intake, pushed, event)


def _protected(apdu: bytes, host: str, senders: Senders) -> Opened:
    title = protection.take_apart(apdu).title
    intake = senders.by_title(title, host)
    if intake is None or intake.ciphering is None:
        raise Unknown(f"system title {title.hex()}" if title else "protected, without a system title")
    ciphering = intake.ciphering
    before = dict(ciphering.received)
    try:
        pushed, event = _decoded(ciphering.unprotect(apdu), host)
    except SecurityError as error:
        raise Rejected(intake, str(error), security=True) from None
    except CodecError as error:
        if not authenticates(ciphering):
            # Without a tag anybody can send a high counter with garbage behind it: it must not shut out the meter.
            ciphering.received.update(before)
        raise Rejected(intake, str(error), security=False) from None
    if intake.meter.device and event is None and intake.meter.device not in _texts(pushed.content):
        raise Rejected(intake, f"it does not hold {intake.meter.device!r}", security=False)
    return Opened(intake, pushed, event)


def _decoded(apdu: bytes, host: str) -> tuple[Pushed, EventNotification | None]:
    tag = apdu[0] if apdu else None
    if tag == DATA_NOTIFICATION:
        data: DataNotification = decode_data_notification(apdu)
        return Pushed(data.time, content.read(data.data), host), None
    if tag == EVENT_NOTIFICATION:
        event = decode_event_notification(apdu)
        return Pushed(event.time, Content([Element("1", event.data, event.attribute)], 1), host), event
    raise CodecError(f"the service {apdu[:1].hex()} is no notification")


def _texts(pushed: Content) -> set[str]:
    """Everything in a push that can be read as text."""
    return {text for element in pushed.elements if (text := _text(element.data))}


def _text(data: Data) -> str:
    if not isinstance(data.value, bytes):
        return ""
    text = readable(data.value)
    return "" if text == data.value.hex() else text
