"""Clocks as meters tell them: zones with daylight saving, no deviation, the wrong sign, the hour that comes twice."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from meterhub_dlms.client.clock.form import ClockForm, UnknownZone
from meterhub_dlms.client.clock.quarter import GUARD, pause
from meterhub_dlms.client.meter_events import CLOCK_NOT_READ, CLOCK_NOT_SET, CLOCK_SET
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.codec import acse, axdr, cosem_time, ln, xdlms
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap
from meterhub_dlms.local_time import with_deviation
from meterhub_sdk import Clock, moment, nanoseconds

SECOND = 1_000_000_000
QUARTER = 900 * SECOND
WARSAW = "Europe/Warsaw"
NOW = (1_888_888 * 900 + 450) * SECOND
times = st.integers(946_684_800, 2_000_000_000).map(lambda seconds: seconds * SECOND)
zones = st.sampled_from([WARSAW, "UTC", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"])


def meter(**given):
    return Meter.model_validate({"label": "m", "host": "h", "mappings": [], **given})


def told(time, zone, form="as told"):
    """What a clock of this zone and form sends."""
    local = moment(time).astimezone(ZoneInfo(zone))
    deviation = -int(local.utcoffset().total_seconds()) // 60
    octets = cosem_time.encode(time, deviation=deviation, status=0x80 if local.dst() else 0)
    if form == "unspecified":
        return with_deviation(octets, cosem_time.NO_DEVIATION)
    if form == "inverted":
        return with_deviation(octets, -deviation)
    return with_deviation(octets, 0) if form == "ignored" else octets


def form_of(zone, form):
    given = {"deviation": form} if form in ("inverted", "ignored") else {}
    return ClockForm(meter(zone=zone, **given))


forms = st.sampled_from(["as told", "unspecified", "inverted", "ignored"])


@given(times, zones, forms)
def test_a_clock_of_any_form_is_understood_and_set_in_its_own_form(time, zone, form):
    known = form_of(zone, form)
    octets = told(time, zone, form)
    true = known.corrected(Data(axdr.OCTET_STRING, octets), time)
    assert cosem_time.decode(true.value).time == time
    if form != "ignored":
        assert known.setting(time, octets, local=True) == octets
    again = known.corrected(Data(axdr.OCTET_STRING, known.setting(time, octets, local=True)), time)
    assert cosem_time.decode(again.value).time == time


@given(times, times, zones, st.sampled_from(["as told", "inverted"]))
def test_a_clock_that_jumped_is_set_with_the_daylight_saving_of_the_time_it_gets(time, wrong, zone, form):
    setting = form_of(zone, form).setting(time, told(wrong, zone, form), local=True)
    assert setting == told(time, zone, form)


@given(times, times)
def test_a_clock_that_keeps_winter_time_keeps_it(time, wrong):
    summer = moment(wrong).astimezone(ZoneInfo(WARSAW)).dst()
    assume(summer)
    octets = cosem_time.encode(wrong, deviation=-60)
    assert form_of(WARSAW, "as told").setting(time, octets, local=True) == cosem_time.encode(time, deviation=-60)
    assert form_of("", "as told").setting(time, octets, local=True) == cosem_time.encode(time, deviation=-60)


@given(times, zones, forms)
def test_without_local_time_clocks_are_set_to_utc(time, zone, form):
    assert form_of(zone, form).setting(time, told(time, zone, form), local=False) == cosem_time.encode(time)


def test_what_a_clock_leaves_open_is_left_open():
    octets = bytearray(told(NOW, WARSAW))
    for place in (4, 8, 11):
        octets[place] = 0xFF
    setting = ClockForm(meter()).setting(NOW + QUARTER, bytes(octets), local=True)
    assert (setting[4], setting[8], setting[11]) == (0xFF, 0xFF, 0xFF)
    assert cosem_time.decode(setting).time == NOW + QUARTER


def test_without_deviation_and_zone_nobody_knows():
    with pytest.raises(UnknownZone, match="give its time zone"):
        ClockForm(meter()).setting(NOW, told(NOW, "UTC", "unspecified"), local=True)


@pytest.mark.parametrize("status", [0xFF, 0, 0x80])
@pytest.mark.parametrize("hour", [0, 1])
def test_the_hour_that_comes_twice_is_the_one_closer_to_ours(hour, status):
    time = nanoseconds(datetime(2026, 10, 25, hour, 30, tzinfo=UTC))
    octets = told(time, WARSAW, "unspecified")[:11] + bytes((status,))
    true = form_of(WARSAW, "as told").corrected(Data(axdr.OCTET_STRING, octets), time + 30 * SECOND)
    assert cosem_time.decode(true.value).time == time
    assert true.value[11] == status


@given(times, st.integers(-2000 * SECOND, 2000 * SECOND))
def test_after_the_pause_a_clock_may_be_set(own, ahead):
    wait = pause(own, own + ahead) * SECOND
    assert 0 <= wait <= 900 * SECOND
    for time in (own + wait, own + ahead + wait):
        if abs(ahead) <= 300 * SECOND or wait == 0:
            assert GUARD <= time % QUARTER + 1 <= QUARTER - GUARD + 1
    if abs(ahead) <= 300 * SECOND:
        assert (own + wait) // QUARTER == (own + ahead + wait) // QUARTER


class ClockMeter:
    """A meter without lists whose clock is ``octets``; ``sets`` and ``shifts`` are what it was told."""

    def __init__(self, octets, result=AccessResult.SUCCESS):
        self.octets = octets
        self.result = result
        self.shift_result = AccessResult.OBJECT_UNDEFINED
        self.sets = []
        self.shifts = []
        self.told = True

    def __call__(self, frame):
        ((_, _, apdu),) = WrapperDeframer().feed(frame)
        return [wrap(1, 16, self.answer(apdu))]

    def answer(self, apdu):
        if apdu[0] == acse.AARQ:
            agreed = Initiate(Conformance.GET | Conformance.SET | Conformance.ACTION, 0)
            information = xdlms.encode_initiate_response(agreed)
            return acse.encode_response(acse.AssociationResponse(1, 0, acse.Diagnostic.NULL, information))
        if apdu[0] == acse.RLRQ:
            return acse.encode_release_response()
        if apdu[0] == ln.SET_REQUEST:
            request = ln.decode_set_request(apdu)
            self.sets.append(request.data)
            if self.told:
                self.octets = request.data.value
            return ln.encode_set_response(request.invoke, self.result)
        if apdu[0] == ln.ACTION_REQUEST:
            call = ln.decode_action_request(apdu)
            self.shifts.append(call.data.value)
            return ln.encode_action_response(call.invoke, self.shift_result)
        request = ln.decode_get_request(apdu)
        return ln.encode_get_response(request.invoke, self.value(request.attributes[0]))

    def value(self, attribute):
        if attribute.class_id == 8 and self.octets is not None:
            return encode(Data(axdr.OCTET_STRING, self.octets))
        if attribute.class_id == 3:
            register = Data(axdr.UINT32, 5)
            scaler = Data(axdr.STRUCTURE, [Data(axdr.INT8, 0), Data(axdr.ENUM, 30)])
            return encode(scaler if attribute.number == 3 else register)
        return AccessResult.OBJECT_UNDEFINED


@pytest.fixture
def keeping(hub, scripted, poll):
    """A client that keeps the clock of a scripted meter."""
    hub.fixed_time = NOW

    class Run:
        def __init__(self, odd, **given):
            self.odd, self.given = odd, given

        async def __aenter__(self):
            self.server = scripted(self.odd)
            port = await self.server.__aenter__()
            energy = {"label": "energy", "logical_name": "1-1:1.8.0*255", "group": "fast"}
            self.client = poll(energy, meter={"port": port, **self.given}, time_synchronisation=True)
            return await self.client.__aenter__()

        async def __aexit__(self, *error):
            await self.client.__aexit__(*error)
            await self.server.__aexit__(*error)

    return Run


def found(hub, kind):
    return [event.parameters for event in hub.recorded if event.type is kind]


SUMMER = nanoseconds(datetime(2026, 7, 1, 12, 5, tzinfo=UTC))


@pytest.mark.parametrize("form", ["as told", "unspecified", "inverted"])
async def test_a_meter_without_shift_time_is_set_in_its_own_form(hub, keeping, until, form):
    hub.fixed_time = SUMMER
    odd = ClockMeter(told(SUMMER - 40 * SECOND, WARSAW, form))
    given = {"zone": WARSAW} if form == "unspecified" else {}
    given |= {"deviation": "inverted"} if form == "inverted" else {}
    async with keeping(odd, **given) as client:
        await until(lambda: found(hub, CLOCK_SET) != [])
        await until(lambda: hub.published["m/energy"].time == SUMMER)
        assert client.status().meters[0].clock == "right"
        assert client.status().meters[0].time == "meter"
    assert odd.shifts == [40]
    assert odd.sets == [Data(axdr.OCTET_STRING, told(SUMMER, WARSAW, form))]
    assert hub.published["m/energy"].clock == Clock.VALID


async def test_a_meter_that_only_says_that_it_shifted_is_set(hub, keeping, until):
    odd = ClockMeter(told(NOW + 40 * SECOND, WARSAW))
    odd.shift_result = AccessResult.SUCCESS
    async with keeping(odd):
        await until(lambda: found(hub, CLOCK_SET) != [])
    assert (odd.shifts, len(odd.sets)) == ([-40], 1)
    assert found(hub, CLOCK_SET)[0]["way"] == "attribute time"


async def test_a_meter_that_only_says_that_it_was_set_is_told(hub, keeping, until):
    odd = ClockMeter(told(NOW + 40 * SECOND, WARSAW))
    odd.told = False
    async with keeping(odd) as client:
        await until(lambda: found(hub, CLOCK_NOT_SET) != [])
        assert client.status().meters[0].clock == "deviating"
    assert found(hub, CLOCK_NOT_SET)[0]["reason"] == "it answered success (0), but its clock still deviates by 40.0 s"


async def test_a_clock_that_was_never_set_is_set(hub, keeping, until):
    odd = ClockMeter(bytes((0xFF,) * 9) + told(NOW, WARSAW)[9:])
    async with keeping(odd) as client:
        await until(lambda: found(hub, CLOCK_SET) != [])
        assert client.status().meters[0].clock == "right"
    assert [event["reason"] for event in found(hub, CLOCK_NOT_READ)] == ["it tells no time that can be understood"]
    assert found(hub, CLOCK_SET)[0]["old"] == "no time"
    assert odd.shifts == []


async def test_a_meter_without_a_clock_is_told_once_and_read_all_the_same(hub, keeping, until):
    async with keeping(ClockMeter(None)) as client:
        await until(lambda: found(hub, CLOCK_NOT_READ) != [] and "m/energy" in hub.published)
        assert client.status().meters[0].clock == "unreadable"
    assert hub.published["m/energy"].value == 5
    assert found(hub, CLOCK_NOT_READ) == [{"meter": "m", "reason": "it does not show its clock: object-undefined (4)"}]


async def test_a_deviation_that_nobody_knows_keeps_the_clock_as_it_is(hub, keeping, until):
    odd = ClockMeter(told(NOW, WARSAW, "unspecified"))
    async with keeping(odd):
        await until(lambda: found(hub, CLOCK_NOT_SET) != [])
    assert "give its time zone in the settings" in found(hub, CLOCK_NOT_SET)[0]["reason"]
    assert odd.sets == []
