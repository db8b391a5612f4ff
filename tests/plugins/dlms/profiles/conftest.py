"""Meters with load profiles: our own server with entries from before, and one made of the codec alone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from meterhub_dlms.codec import acse, axdr, cosem_time, ln, obis, selection, xdlms
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.selection import CLOCK, ByEntry, CaptureObject, encode_capture_object
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap
from meterhub_dlms.local_time import deviation_of
from meterhub_dlms.server.objects.profile_store import ProfileStore
from meterhub_dlms.server.service import DlmsServer
from meterhub_sdk import nanoseconds
from meterhub_sdk.store import open_store
from meterhub_sdk.testing import FakeHub

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ENERGY, STATUS = obis.parse("1-0:1.8.0*255"), obis.parse("0-0:96.10.1*255")
PROFILE = "1-0:99.1.0*255"
COLUMNS = [CLOCK, CaptureObject(1, STATUS, 2), CaptureObject(3, ENERGY, 2)]
SCALER = Data(axdr.STRUCTURE, [Data(axdr.INT8, -1), Data(axdr.ENUM, 30)])
FEATURES = (
    Conformance.GET | Conformance.MULTIPLE_REFERENCES | Conformance.SELECTIVE_ACCESS
    | Conformance.BLOCK_TRANSFER_WITH_GET
)  # fmt: skip


def structure(*columns: Data) -> Data:
    return Data(axdr.STRUCTURE, list(columns))


def clock(when: datetime, deviation: int = 0, status: int = 0) -> Data:
    return Data(axdr.OCTET_STRING, cosem_time.encode(nanoseconds(when), deviation=deviation, status=status))


def entry(when: datetime, value: int, status: int = 0, deviation: int = 0) -> Data:
    return structure(clock(when, deviation), Data(axdr.UINT8, status), Data(axdr.UINT32, value))


class ProfileMeter:
    """A meter with one profile; ``rows`` oldest first. ``refuses`` holds the selections that it does not know.

    It compares local times as its date-times show them, without their deviation, as many meters do.
    """

    def __init__(self) -> None:
        self.rows: list[Data] = []
        self.now = NOON
        self.deviation = 0
        self.no_deviation = False
        self.period = 900
        self.order = 1
        self.capacity = 5000
        self.columns = COLUMNS
        self.features = FEATURES
        self.refuses: set[type] = set()
        self.answers: dict[tuple[int, int], Data | AccessResult] = {}
        self.selections: list[Any] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.lost_after: int | None = None
        self.compresses = False

    def capture(self, value: int, status: int = 0) -> None:
        """An entry at the present time."""
        self.rows.append(entry(self.now, value, status, self.deviation))
        del self.rows[: -self.capacity]

    def fill(self, count: int, first: datetime | None = None) -> None:
        """Entries of consecutive periods, the last one now or the first one then."""
        start = self.now - (count - 1) * QUARTER if first is None else first
        for number in range(count):
            self.rows.append(entry(start + number * QUARTER, 1000 + len(self.rows), 0, self.deviation))
        del self.rows[: -self.capacity]

    def __call__(self, frame: bytes) -> list[bytes]:
        ((_, _, apdu),) = WrapperDeframer().feed(frame)
        answer = self.answer(apdu)
        return [] if answer is None else [wrap(1, 16, answer)]

    def answer(self, apdu: bytes) -> bytes | None:
        if apdu[0] == acse.AARQ:
            information = xdlms.encode_initiate_response(Initiate(self.features, 0))
            return acse.encode_response(acse.AssociationResponse(1, 0, acse.Diagnostic.NULL, information))
        if apdu[0] == acse.RLRQ:
            return acse.encode_release_response()
        request = ln.decode_get_request(apdu)
        assert isinstance(request, ln.GetRequest)
        chosen = selection.decode_selections(apdu)
        results = [self.read(*each) for each in zip(request.attributes, chosen, strict=True)]
        if any(result is None for result in results):
            return None
        encoded = [result if isinstance(result, AccessResult) else encode(result) for result in results]
        if not request.with_list:
            return ln.encode_get_response(request.invoke, encoded[0])
        head = bytes((ln.GET_RESPONSE, ln.WITH_LIST, request.invoke)) + axdr.encode_length(len(encoded))
        return head + b"".join(map(ln.encode_result, encoded))

    def read(self, attribute: ln.Attribute, chosen: Any) -> Data | AccessResult | None:
        class_id, name, number = attribute
        if (class_id, number) in self.answers:
            return self.answers[class_id, number]
        if class_id == 8:
            octets = clock(self.now, self.deviation).value
            return Data(axdr.OCTET_STRING, octets[:9] + b"\x80\x00" + octets[11:] if self.no_deviation else octets)
        if class_id == 3 and number == 3:
            return SCALER
        if class_id != 7 or name != obis.parse(PROFILE):
            return AccessResult.OBJECT_UNDEFINED
        if number == 2:
            return self.select(chosen)
        return {
            3: Data(axdr.ARRAY, [encode_capture_object(column) for column in self.columns]),
            4: Data(axdr.UINT32, self.period),
            5: Data(axdr.ENUM, self.order),
            7: Data(axdr.UINT32, len(self.rows)),
            8: Data(axdr.UINT32, self.capacity),
        }.get(number, AccessResult.OBJECT_UNDEFINED)

    def select(self, chosen: Any) -> Data | AccessResult | None:
        self.selections.append(chosen)
        if self.lost_after is not None and len(self.selections) > self.lost_after:
            return None
        if type(chosen) in self.refuses:
            return AccessResult.OTHER_REASON
        rows = self.rows if self.order == 1 else self.rows[::-1]
        if isinstance(chosen, ByEntry):
            rows = rows[chosen.first - 1 : chosen.last or None]
        elif chosen is not None:
            first, last = local(chosen.start.value), local(chosen.end.value)
            rows = [row for row in rows if first <= local(row.value[0].value) <= last]
        self.meanwhile()
        return Data(axdr.ARRAY, compressed(rows) if self.compresses else list(rows))


def compressed(rows: Sequence[Data]) -> list[Data]:
    """Null-data for each value that is as in the entry before, and for each time that follows from it."""
    null = Data(axdr.NULL, None)
    return [
        structure(null, *(null if value == last else value for value, last in zip(row.value[1:], before, strict=True)))
        if before
        else row
        for row, before in zip(rows, [[], *(row.value[1:] for row in rows)], strict=False)
    ]


def local(octets: bytes) -> bytes:
    return octets[:4] + octets[5:9]


class Entries:
    """What was published of a profile."""

    def __init__(self, hub: FakeHub, column: str = "m/load/energy") -> None:
        self._hub = hub
        self._column = column

    @property
    def all(self) -> list[tuple[datetime, Any]]:
        """Time and value of every reading, in the order of publication."""
        return [(reading.when, reading.value) for name, reading in self._hub.history if name == self._column]

    @property
    def times(self) -> list[datetime]:
        return [when for when, _ in self.all]

    @property
    def latest(self) -> tuple[datetime, Any]:
        reading = self._hub.published[self._column]
        return reading.when, reading.value


@pytest.fixture
def entries(hub: FakeHub) -> Entries:
    return Entries(hub)


@pytest.fixture
def meter() -> ProfileMeter:
    return ProfileMeter()


@pytest.fixture(scope="session")
def fresh_meter() -> Callable[[], ProfileMeter]:
    """Makes one more meter."""
    return ProfileMeter


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """What test modules share."""
    return SimpleNamespace(
        NOON=NOON, QUARTER=QUARTER, PROFILE=PROFILE, entry=entry, structure=structure, clock=clock, COLUMNS=COLUMNS,
        deviation_of=deviation_of, LOAD=LOAD, Entries=Entries,
    )  # fmt: skip


LOAD = {
    "label": "load",
    "logical_name": PROFILE,
    "interval": 0.1,
    "columns": [{"label": "energy", "logical_name": "1-0:1.8.0*255", "unit": "Wh"}],
}


@pytest.fixture
def follow(
    poll: Callable[..., contextlib.AbstractAsyncContextManager[Any]],
) -> Callable[..., contextlib.AbstractAsyncContextManager[Any]]:
    """Runs a client with the profile ``load`` of the meter ``m``; ``given`` changes the profile's settings."""

    def run(*, meter: dict[str, Any] | None = None, **given: Any) -> contextlib.AbstractAsyncContextManager[Any]:
        return poll(meter={"profiles": [{**LOAD, **given}], **(meter or {})}, reconnect_delay=0.1)

    return run


@pytest.fixture
def recorded(meter_hub: FakeHub) -> Callable[[Sequence[tuple[datetime, int]]], None]:
    """Puts entries into the profile of our server before it runs: capture time and value."""

    def put(rows: Sequence[tuple[datetime, int]], status: int = 0) -> None:
        store = open_store(meter_hub.directory / "store.db", DlmsServer.migrations)
        layout = encode(Data(axdr.ARRAY, [encode_capture_object(column) for column in COLUMNS]))
        profile = ProfileStore(SimpleNamespace(store=store), 1, obis.parse(PROFILE), layout, 5000)  # type: ignore[arg-type]
        for when, value in rows:
            profile.append(nanoseconds(when), encode(entry(when, value, status)))
        store.close()

    return put
