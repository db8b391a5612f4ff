"""What the client makes of meters that answer late, wrongly, partly or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from meterhub_dlms.client import planner
from meterhub_dlms.codec import acse, axdr, cosem_time, ln, obis, xdlms
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.events import METER_CONNECTED, METER_GARBLED, METER_REFUSED, METER_SILENT
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap
from meterhub_sdk import Clock

NOW = 1_700_000_000_000_000_000
FEATURES = Conformance.GET | Conformance.MULTIPLE_REFERENCES | Conformance.BLOCK_TRANSFER_WITH_GET | Conformance.SET
MAPPINGS = [{"label": f"v{i}", "logical_name": f"1-1:{i}.8.0*255", "group": "fast"} for i in range(1, 9)]
WRONG = encode(Data(axdr.UINT32, 666))


@pytest.fixture(autouse=True)
def our_clock(hub):
    """Shows what the meters' clocks show."""
    hub.fixed_time = NOW


class OddMeter:
    """Answers properly, except that ``spoil`` may replace the pieces sent for a GET of register values.

    ``spoil`` gets the good response and the request.
    """

    def __init__(self, spoil: Callable[[bytes, bytes], list[bytes]] | None = None) -> None:
        self.spoil = spoil or (lambda good, _: [self.wrap(good)])
        self.features = FEATURES
        self.pdu = 0
        self.refuse = acse.Diagnostic.NULL
        self.clock = cosem_time.encode(NOW)
        self.requests: list[bytes] = []

    @staticmethod
    def wrap(apdu: bytes, source: int = 1, destination: int = 16) -> bytes:
        return wrap(source, destination, apdu)

    def __call__(self, frame: bytes) -> list[bytes]:
        ((source, destination, apdu),) = WrapperDeframer().feed(frame)
        assert (source, destination) == (16, 1)
        if apdu[0] == acse.AARQ:
            return [self.wrap(self.associate())]
        if apdu[0] == acse.RLRQ:
            return [self.wrap(acse.encode_release_response())]
        request = ln.decode_get_request(apdu)
        assert isinstance(request, ln.GetRequest)
        self.requests.append(apdu)
        good = self.answer(request)
        polls = any(a.class_id == 3 and a.number == 2 for a in request.attributes)
        return self.spoil(good, apdu) if polls else [self.wrap(good)]

    def associate(self) -> bytes:
        refused = self.refuse != acse.Diagnostic.NULL
        information = b"" if refused else xdlms.encode_initiate_response(Initiate(self.features, self.pdu))
        return acse.encode_response(acse.AssociationResponse(1, int(refused), self.refuse, information))

    def answer(self, request: ln.GetRequest) -> bytes:
        if not request.with_list:
            return ln.encode_get_response(request.invoke, self.value(request.attributes[0]))
        results = b"".join(ln.encode_result(self.value(a)) for a in request.attributes)
        head = bytes((ln.GET_RESPONSE, ln.WITH_LIST, request.invoke)) + axdr.encode_length(len(request.attributes))
        return head + results

    def value(self, attribute: ln.Attribute) -> bytes:
        if attribute == planner.CLOCK:
            return encode(Data(axdr.OCTET_STRING, self.clock))
        if attribute.number == 3:
            return encode(Data(axdr.STRUCTURE, [Data(axdr.INT8, -3), Data(axdr.ENUM, 30)]))
        return encode(Data(axdr.UINT32, attribute.logical_name[2] * 1000))


@pytest.fixture
def against(scripted, poll, hub):
    """Runs the client against a meter until ``until`` returns, and gives the meter's status."""

    async def run(odd_meter, *, until, **settings):
        async with scripted(odd_meter) as port:
            settings.setdefault("meter", {}).update(port=port)
            settings["meter"].setdefault("timeout", 0.3)
            async with poll(*MAPPINGS, **settings) as client:
                await until(lambda: client.status().meters[0])
                return client.status().meters[0]

    return run


@pytest.fixture
def all_there(hub, until):
    """Waits until all values are there."""

    async def wait(_status):
        await until(lambda: all(f"m/v{i}" in hub.published for i in range(1, 9)))
        assert [hub.published[f"m/v{i}"].value for i in range(1, 9)] == list(range(1, 9))
        assert all(reading.value != 666 for _, reading in hub.history)

    return wait


def with_invoke(apdu: bytes, change: int) -> bytes:
    return apdu[:2] + bytes(((apdu[2] & 0xF0) | ((apdu[2] + change) & 0x0F),)) + apdu[3:]


def wrong_list(good: bytes) -> bytes:
    """A well-formed answer to the same request with other values."""
    count = good[3]
    return (
        good[:4]
        + ln.encode_result(encode(Data(axdr.OCTET_STRING, cosem_time.encode(NOW))))
        + (ln.encode_result(WRONG) * (count - 1))
    )


FOREIGN = {
    "late, of an earlier request": lambda good: wrap(1, 16, with_invoke(wrong_list(good), -1)),
    "of a later request": lambda good: wrap(1, 16, with_invoke(wrong_list(good), 1)),
    "from another logical device": lambda good: wrap(2, 16, wrong_list(good)),
    "for another client": lambda good: wrap(1, 17, wrong_list(good)),
    "of another service": lambda good: wrap(1, 16, bytes((ln.SET_RESPONSE,)) + wrong_list(good)[1:]),
    "unasked": lambda good: wrap(1, 16, bytes.fromhex("0f00000001 00 0600000001")),
    "too short for an invoke-id": lambda good: wrap(1, 16, good[:2]),
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_frames_that_are_no_answer_are_dropped_and_counted(against, all_there, hub, kind):
    meter = OddMeter(lambda good, _: [FOREIGN[kind](good), wrap(1, 16, good)])
    status = await against(meter, until=all_there)
    assert status.dropped_frames >= 1
    assert status.state == "connected"
    assert [e.type for e in hub.recorded] == [METER_CONNECTED]


async def test_an_answer_after_the_right_one_is_dropped_too(against, all_there, hub, until):
    meter = OddMeter(lambda good, _: [wrap(1, 16, good), wrap(1, 16, wrong_list(good))])

    async def later(get):
        await all_there(get)
        await until(lambda: get().dropped_frames >= 3)
        await all_there(get)

    assert (await against(meter, until=later)).state == "connected"


SPOILT = {
    "garbage": lambda good: [b"\xff\xfe garbage that is no frame"],
    "cut off": lambda good: [wrap(1, 16, good)[:-3]],
    "a frame too long": lambda good: [wrap(1, 16, good + b"\x00")],
    "a value too few": lambda good: [wrap(1, 16, good[:3] + bytes((good[3] - 1,)) + good[4:-6])],
    "values cut off": lambda good: [wrap(1, 16, good[:-2])],
    "an unknown data type": lambda good: [wrap(1, 16, good[:-5] + b"\x63" + good[-4:])],
    "silence": lambda good: [],
    "a block out of order": lambda good: [wrap(1, 16, ln.encode_get_block(good[2], ln.Block(True, 7, good[3:])))],
}


@pytest.mark.parametrize("kind", SPOILT)
async def test_a_broken_answer_rebuilds_the_association(against, all_there, hub, until, kind):
    spoilt = []

    def once(good: bytes, _: bytes) -> list[bytes]:
        if spoilt:
            return [wrap(1, 16, good)]
        spoilt.append(kind)
        return SPOILT[kind](good)

    status = await against(OddMeter(once), until=all_there)
    assert status.state == "connected"
    trouble = METER_SILENT if kind == "silence" else METER_GARBLED
    assert [e.type for e in hub.recorded] == [METER_CONNECTED, trouble, METER_CONNECTED]
    states = [reading.value for name, reading in hub.history if name == "m/connected"]
    assert states == [False, True, False, True]


async def test_a_silent_meter_is_one_event_however_often_it_is_tried(against, hub, until):
    tried = []

    class Silent(OddMeter):
        def __call__(self, frame: bytes) -> list[bytes]:
            tried.append(frame)
            return []

    async def several(get):
        await until(lambda: len(tried) >= 3)

    status = await against(Silent(), until=several, meter={"timeout": 0.1})
    assert status.last_error == "no answer within 0.1 s"
    assert [e.type for e in hub.recorded] == [METER_SILENT]


async def test_a_refusal_names_the_meters_reason_once(against, hub, until):
    meter = OddMeter()
    meter.refuse = acse.Diagnostic.AUTHENTICATION_FAILURE

    async def several(get):
        await until(lambda: get().errors >= 3)

    status = await against(meter, until=several)
    assert status.state == "refused"
    assert [(e.type, e.parameters["reason"]) for e in hub.recorded] == [(METER_REFUSED, "authentication-failure (13)")]


async def test_a_meter_without_lists_is_read_one_by_one(against, all_there):
    meter = OddMeter()
    meter.features = Conformance.GET
    await against(meter, until=all_there)
    assert {request[1] for request in meter.requests} == {ln.NORMAL}


@pytest.mark.parametrize("most", [1, 3, 5])
@pytest.mark.parametrize("how", ["exception", "result"])
async def test_lists_that_the_meter_rejects_become_shorter(against, all_there, hub, how, most):
    def limited(good: bytes, request: bytes) -> list[bytes]:
        if request[1] == ln.WITH_LIST and request[3] > most:
            if how == "exception":
                return [wrap(1, 16, bytes((xdlms.EXCEPTION_RESPONSE, 2, 2)))]
            return [wrap(1, 16, ln.encode_get_response(request[2], AccessResult.OTHER_REASON))]
        return [wrap(1, 16, good)]

    meter = OddMeter(limited)
    await against(meter, until=all_there)
    assert [e.type for e in hub.recorded] == [METER_CONNECTED]


async def test_a_meter_that_rejects_everything_is_given_up(against, hub, until):
    meter = OddMeter(lambda good, request: [wrap(1, 16, bytes((xdlms.EXCEPTION_RESPONSE, 1, 1)))])

    async def lost(get):
        await until(lambda: METER_GARBLED in [e.type for e in hub.recorded])

    status = await against(meter, until=lost)
    assert "rejects every request" in status.last_error


@pytest.mark.parametrize("pdu", [40, 60, 100])
async def test_no_request_is_longer_than_the_meter_accepts(against, all_there, pdu):
    meter = OddMeter()
    meter.pdu = pdu
    await against(meter, until=all_there)
    assert max(len(request) for request in meter.requests) <= pdu
    assert max(len(request) for request in meter.requests) > pdu - 2 * ln.DESCRIPTOR_SIZE


async def test_the_invoke_id_counts_up_with_each_request(against, all_there, until):
    meter = OddMeter()

    async def many(get):
        await all_there(get)
        await until(lambda: len(meter.requests) > 20)

    await against(meter, until=many)
    ids = [request[2] & 0x0F for request in meter.requests]
    assert ids == [(ids[0] + i) % 16 for i in range(len(ids))]


CLOCKS = {
    "no deviation": cosem_time.encode(NOW)[:9] + b"\x80\x00\x00",
    "unset": bytes.fromhex("ffffffffffffffffff800000"),
    "an impossible date": bytes.fromhex("07e50d2001ffffffff000000"),
    "too short": b"\x07\xe5",
}


@pytest.mark.parametrize("kind", CLOCKS)
async def test_where_the_clock_cannot_be_used_the_arrival_counts(against, all_there, hub, kind):
    hub.fixed_time = 1_800_000_000_000_000_000
    meter = OddMeter()
    meter.clock = CLOCKS[kind]
    status = await against(meter, until=all_there)
    assert status.time.startswith("arrival (")
    assert hub.published["m/v1"].time == hub.fixed_time
    assert hub.published["m/v1"].clock == Clock.UNKNOWN


@pytest.mark.parametrize(
    ("status", "clock"),
    [(0x00, Clock.VALID), (0x80, Clock.VALID), (0x01, Clock.INVALID), (0x02, Clock.UNKNOWN), (0xFF, Clock.UNKNOWN)],
)
async def test_the_clock_status_goes_with_the_readings(against, all_there, hub, status, clock):
    meter = OddMeter()
    meter.clock = cosem_time.encode(NOW, deviation=-120, status=status)
    await against(meter, until=all_there)
    assert (hub.published["m/v8"].time, hub.published["m/v8"].clock) == (NOW, clock)


async def test_a_scaler_is_read_once_per_association(against, all_there, hub, until):
    meter = OddMeter()

    async def some(get):
        await all_there(get)
        await until(lambda: len(meter.requests) > 6)

    await against(meter, until=some)
    name = obis.parse("1-1:1.8.0*255")
    asked = ln.encode_get(ln.Attribute(3, name, 3))[3:]
    assert sum(asked in request for request in meter.requests) == 1
