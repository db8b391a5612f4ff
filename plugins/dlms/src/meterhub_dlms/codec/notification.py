"""What meters send without being asked: data notifications and event notifications (IEC 62056-5-3, clause 7.3)."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data, decode_from, decode_octets, encode, encode_octets
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute

DATA_NOTIFICATION, EVENT_NOTIFICATION = 0x0F, 0xC2

_EMPTY = 0


class DataNotification(NamedTuple):
    """A push: its number, when the meter sent it (twelve bytes, or none), and what it sent."""

    invoke: int
    time: bytes
    data: Data


class EventNotification(NamedTuple):
    """The change of one attribute, told by the meter."""

    time: bytes
    attribute: Attribute
    data: Data


def encode_data_notification(notification: DataNotification) -> bytes:
    """A data notification; the lower 24 bits of ``invoke`` count, the upper eight are flags."""
    head = bytes((DATA_NOTIFICATION,)) + notification.invoke.to_bytes(4, "big")
    return head + encode_octets(notification.time) + encode(notification.data)


def decode_data_notification(apdu: bytes) -> DataNotification:
    """A data notification; ``CodecError`` when malformed.

    Some meters put the tag of an octet string before the time, ``09 0C`` and twelve bytes: no time has nine bytes.
    """
    if len(apdu) < 6 or apdu[0] != DATA_NOTIFICATION:
        raise CodecError("a data notification was expected")
    place = 6 if apdu[5:7] == bytes((axdr.OCTET_STRING, cosem_time.LENGTH)) else 5
    time, place = decode_octets(apdu, place)
    if len(time) not in (_EMPTY, cosem_time.LENGTH):
        raise CodecError(f"the time of a notification has {cosem_time.LENGTH} bytes or none, not {len(time)}")
    data, end = decode_from(apdu, place)
    if end != len(apdu):
        raise CodecError(f"{len(apdu) - end} bytes follow the notification")
    return DataNotification(int.from_bytes(apdu[1:5], "big"), time, data)


def encode_event_notification(notification: EventNotification) -> bytes:
    """An event notification."""
    time = b"\x01" + encode_octets(notification.time) if notification.time else b"\x00"
    class_id, logical_name, number = notification.attribute
    where = class_id.to_bytes(2, "big") + logical_name + number.to_bytes(1, "big", signed=True)
    return bytes((EVENT_NOTIFICATION,)) + time + where + encode(notification.data)


def decode_event_notification(apdu: bytes) -> EventNotification:
    """An event notification; ``CodecError`` when malformed."""
    if len(apdu) < 2 or apdu[0] != EVENT_NOTIFICATION or apdu[1] > 1:
        raise CodecError("an event notification was expected")
    time, place = decode_octets(apdu, 2) if apdu[1] else (b"", 2)
    if len(apdu) < place + 9:
        raise CodecError("an event notification is cut off")
    number = int.from_bytes(apdu[place + 8 : place + 9], "big", signed=True)
    attribute = Attribute(int.from_bytes(apdu[place : place + 2], "big"), apdu[place + 2 : place + 8], number)
    data, end = decode_from(apdu, place + 9)
    if end != len(apdu):
        raise CodecError(f"{len(apdu) - end} bytes follow the notification")
    return EventNotification(time, attribute, data)
