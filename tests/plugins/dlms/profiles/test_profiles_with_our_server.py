"""Load profiles of our own server: back-filled with their own times, once each, over every link; and the command."""

from __future__ import annotations

from datetime import timedelta

import pytest
from meterhub_dlms.client.profiles.command import ReadProfile
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_sdk import Refused, nanoseconds
from pydantic import ValidationError

NAMES = ("0-0:1.0.0*255", "0-0:96.10.1*255", "1-0:1.8.0*255")
SERVED = {
    "objects": [{"logical_name": NAMES[2], "point": "a/energy", "unit": "Wh", "scaler": 1}],
    "profiles": [{"columns": [{"logical_name": name} for name in NAMES], "status_name": NAMES[1]}],
}
DAY = timedelta(days=1)


@pytest.fixture
def day(kit):
    """Capture time and value of a hundred entries, up to noon."""
    return [(kit.NOON - n * kit.QUARTER, 100 - n) for n in reversed(range(100))]


@pytest.fixture
def complete(until):
    async def wait(client):
        await until(lambda: client.status().profiles[0].state == "complete")
        return client.status().profiles[0]

    return wait


@pytest.fixture
def noon(meter_hub, kit):
    """The meter's clock stands a minute after noon."""
    meter_hub.fixed_time = nanoseconds(kit.NOON + timedelta(minutes=1))


async def test_entries_come_once_with_their_own_times_and_the_newest_is_the_latest_value(
    serve, follow, hub, noon, recorded, entries, day, kit, complete
):
    recorded(day)
    async with serve(**SERVED), follow() as client:
        status = await complete(client)
    expected = [(when, 10.0 * value) for when, value in day if when >= kit.NOON - DAY + timedelta(minutes=1)]
    assert entries.all == expected
    assert entries.latest == (kit.NOON, 1000.0)
    assert hub.published["m/load/energy"].unit == "Wh"
    assert (status.newest, status.published, status.missing, status.period) == (kit.NOON, 96, 0, 900)


@pytest.mark.parametrize(
    "link",
    [
        {"transport": "hdlc-tcp", "physical_address": 17},
        {"transport": "hdlc-tcp", "physical_address": 17, "referencing": "short-names"},
        {"referencing": "short-names"},
        {"authentication": "gmac", "security": "authenticated and encrypted", "client_address": 32},
    ],
    ids=["hdlc", "hdlc-short-names", "short-names", "ciphered"],
)
async def test_profiles_are_read_over_every_link(
    serve, follow, hub, meter_hub, noon, recorded, entries, day, link, free_port, complete
):
    recorded(day)
    keys = {"e": bytes(range(16)).hex(), "a": bytes(range(16, 32)).hex()}
    meter_hub.secrets |= keys
    hub.secrets |= keys
    hdlc = free_port()
    ciphered = {
        "address": 32, "authentication": "gmac", "security": "authenticated and encrypted", "encryption_key": "e",
        "authentication_key": "a",
    }  # fmt: skip
    meter = {**link, **({"port": hdlc} if "transport" in link else {})}
    if "security" in link:
        meter |= {"encryption_key": "e", "authentication_key": "a"}
    clients = [{"address": 16, "referencing": "both"}, ciphered]
    async with serve(**SERVED, clients=clients, hdlc_port=hdlc), follow(meter=meter, first_read=2) as client:
        await complete(client)
    assert entries.all == [(when, 10.0 * value) for when, value in day]


@pytest.mark.parametrize("limit", [7, 100, 1000])
async def test_read_profile_gives_all_entries_page_by_page(serve, poll, noon, recorded, day, kit, limit, until):
    recorded(day)
    async with serve(**SERVED), poll() as client:
        await until(lambda: client.status().meters[0].state == "connected")
        rows, cursor, pages = [], "", 0
        while cursor or not pages:
            request = ReadProfile(meter="m", since=kit.NOON - 3 * DAY, limit=limit, cursor=cursor)
            page = await client.read_profile(request)
            assert len(page.rows) <= limit
            rows, cursor, pages = rows + page.rows, page.cursor, pages + 1
    assert pages == -(-100 // limit)
    assert [(row.time, row.values[2]) for row in rows] == [(when, 10 * value) for when, value in day]
    assert [(column.logical_name, column.unit) for column in page.columns] == list(
        zip(NAMES, ("", "", "Wh"), strict=True)
    )
    assert (page.period, page.entries) == (900, 100)


async def test_read_profile_takes_times_or_a_number_of_entries(serve, poll, noon, recorded, day, kit, until):
    recorded(day)
    async with serve(**SERVED), poll() as client:
        await until(lambda: client.status().meters[0].state == "connected")
        last = await client.read_profile(ReadProfile(meter="m", last=3))
        hour = await client.read_profile(
            ReadProfile(meter="m", since=kit.NOON - timedelta(hours=2), until=kit.NOON - timedelta(hours=1))
        )
        nothing = await client.read_profile(ReadProfile(meter="m", since=kit.NOON + DAY))
    assert [row.time for row in last.rows] == [when for when, _ in day[-3:]]
    assert [row.time for row in hour.rows] == [kit.NOON - n * kit.QUARTER for n in (8, 7, 6, 5, 4)]
    assert (nothing.rows, nothing.cursor) == ([], "")


async def test_read_profile_says_what_is_wrong(serve, poll, noon, recorded, day, until):
    recorded(day)
    async with serve(**SERVED), poll() as client:
        with pytest.raises(Refused, match="no meter is called 'x'"):
            await client.read_profile(ReadProfile(meter="x"))
        await until(lambda: client.status().meters[0].state == "connected")
        with pytest.raises(Refused, match=r"1-0:99.9.0\*255 of m was not read: object-undefined"):
            await client.read_profile(ReadProfile(meter="m", logical_name="1-0:99.9.0*255"))


@pytest.mark.parametrize(
    "given",
    [
        {"last": 3, "since": "2026-01-01T00:00Z"},
        {"since": "2026-01-02T00:00Z", "until": "2026-01-01T00:00Z"},
        {"since": "2026-01-02T00:00"},
        {"cursor": "1:2"},
        {"limit": 1001},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(given):
    with pytest.raises(ValidationError):
        ReadProfile.model_validate({"meter": "m", **given})


def test_the_points_of_a_profile_exist_before_the_meter_answers(follow, hub, kit):
    meter = {"label": "m", "host": "h", "mappings": [], "profiles": [{**kit.LOAD, "interval": 900}]}
    points = DlmsClient(hub, DlmsClientConfig.model_validate({"meters": [meter]})).points()
    (point,) = [point for point in points if point.name == "m/load/energy"]
    assert (point.unit, point.stale_after, point.source) == ("Wh", 2700, "1-0:99.1.0*255 1-0:1.8.0*255")


@pytest.mark.parametrize(
    ("profiles", "message"),
    [
        ([{}, {"logical_name": "1-0:99.2.0*255"}], "profile label 'load'"),
        ([{}, {"label": "b"}], "the profile '1-0:99.1.0"),
        ([{"columns": [{"label": "a", "logical_name": "1-0:1.8.0*255"}] * 2}], "the column label 'a'"),
        ([{"columns": [{"label": n, "logical_name": "1-0:1.8.0*255"} for n in "ab"]}], "has a column twice"),
        ([{"first_read": 367}], "less than or equal to 366"),
    ],
)
def test_settings_that_make_no_sense_are_refused(kit, profiles, message):
    rows = [{**kit.LOAD, **given} for given in profiles]
    with pytest.raises(ValidationError, match=message):
        DlmsClientConfig.model_validate({"meters": [{"label": "m", "host": "h", "mappings": [], "profiles": rows}]})
