"""Short names: the object list is read once, kept, and read again when it no longer fits."""

from __future__ import annotations

import pytest
from meterhub_dlms.client import name_list
from meterhub_dlms.client.association import Association, AssociationRefused, RequestRejected
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.codec import axdr, sn
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.short_names import ListedObject
from meterhub_dlms.codec.xdlms import AccessResult

ENERGY = Attribute(3, bytes((1, 1, 1, 8, 0, 255)), 2)
DEMAND = Attribute(3, bytes((1, 1, 2, 8, 0, 255)), 2)
LATER = Attribute(3, bytes((1, 1, 88, 8, 0, 255)), 2)
DEVICE_NAME = Attribute(1, bytes((0, 0, 42, 0, 0, 255)), 2)
VALUE = Data(axdr.UINT32, 1000)
LIST, NAME = bytes.fromhex("050102fa08"), bytes.fromhex("050102fd08")


@pytest.fixture
def cache(database):
    return NameCache(database, "main-meter")


@pytest.fixture
def read_lists(tiny_meter, associated, cache):
    """Reads attributes over a new association; gives the results, and how often the object list was read."""

    async def run(meter, *attributes):
        meter.requests.clear()
        async with associated(meter, cache) as association:
            results = await association.get_many(association.prepare(attributes)) if attributes else []
            assert association.short_names.objects == tuple(meter.listed)
        return results, meter.requests.count(LIST)

    return run


async def test_the_list_is_read_once(tiny_meter, read_lists):
    meter = tiny_meter(short=True)
    assert await read_lists(meter, ENERGY, DEMAND) == ([VALUE, Data(axdr.UINT32, 2000)], 1)
    assert meter.requests[:2] == [NAME, LIST]
    assert meter.requests[2] == sn.encode_read([sn.Variable(0x1008), sn.Variable(0x1108)])
    for _ in range(3):
        assert await read_lists(meter, ENERGY) == ([VALUE], 0)


async def test_without_a_cache_it_is_read_in_each_association(tiny_meter, associated):
    meter = tiny_meter(short=True)
    for count in (1, 2):
        async with associated(meter) as association:
            assert await association.get(ENERGY) == VALUE
        assert meter.requests.count(LIST) == count


async def test_another_meter_in_its_place_has_a_list_of_its_own(tiny_meter, read_lists):
    meter = tiny_meter(short=True)
    await read_lists(meter)
    other = tiny_meter(
        short=True, listed=[o._replace(base_name=o.base_name + 0x10) if o.class_id == 3 else o for o in meter.listed]
    )
    other.values[DEVICE_NAME.logical_name, 2] = Data(axdr.OCTET_STRING, b"LGZ87654321")
    assert await read_lists(other, ENERGY) == ([VALUE], 1)
    assert other.requests[2] == sn.encode_read([sn.Variable(0x1018)])


async def test_a_meter_without_a_name_is_read_anew_each_time(tiny_meter, read_lists):
    meter = tiny_meter(short=True)
    del meter.values[DEVICE_NAME.logical_name, 2]
    for _ in range(2):
        assert await read_lists(meter, ENERGY) == ([VALUE], 1)


async def test_a_listed_object_that_is_undefined_has_the_list_read_next_time(tiny_meter, read_lists, associated, cache):
    meter = tiny_meter(short=True)
    await read_lists(meter)
    gone = meter.values.pop((ENERGY.logical_name, 2))
    assert await read_lists(meter, DEMAND, ENERGY) == ([Data(axdr.UINT32, 2000), AccessResult.OBJECT_UNDEFINED], 0)
    meter.values[ENERGY.logical_name, 2] = gone
    assert await read_lists(meter, ENERGY) == ([VALUE], 1)
    del meter.values[ENERGY.logical_name, 2]
    async with associated(meter, cache) as association:
        assert await association.get(ENERGY) is AccessResult.OBJECT_UNDEFINED
    assert await read_lists(meter) == ([], 1)


async def test_an_object_that_came_later_is_found(tiny_meter, read_lists):
    meter = tiny_meter(short=True)
    await read_lists(meter)
    meter.listed = [*meter.listed, ListedObject(0x7000, 3, 0, LATER.logical_name)]
    meter.values[LATER.logical_name, 2] = VALUE
    assert await read_lists(meter, ENERGY, LATER) == ([VALUE, VALUE], 1)
    assert await read_lists(meter, LATER) == ([VALUE], 0)


async def test_names_that_moved_are_never_mistaken(tiny_meter, associated, cache):
    """What was prepared with one list is not sent with another."""
    meter = tiny_meter(short=True)
    async with associated(meter, cache) as association:
        await association.get(ENERGY)
    async with associated(meter, cache) as association:
        prepared = association.prepare([ENERGY])
        swapped = {0x1000: 0x1100, 0x1100: 0x1000}
        meter.listed = [o._replace(base_name=swapped.get(o.base_name, o.base_name)) for o in meter.listed]
        assert await association.get(LATER) is AccessResult.OBJECT_UNDEFINED
        assert await association.get_many(prepared) == [VALUE]


async def test_what_is_not_there_costs_one_reading_of_the_list_for_good(tiny_meter, read_lists, associated, cache):
    meter = tiny_meter(short=True)
    await read_lists(meter)
    assert await read_lists(meter, LATER, ENERGY) == ([AccessResult.OBJECT_UNDEFINED, VALUE], 1)
    for _ in range(2):
        assert await read_lists(meter, LATER, ENERGY) == ([AccessResult.OBJECT_UNDEFINED, VALUE], 0)
    async with associated(meter, cache) as association:
        assert await association.get(LATER) is AccessResult.OBJECT_UNDEFINED
        assert await association.set(LATER, VALUE) is AccessResult.OBJECT_UNDEFINED
        assert await association.action(LATER, VALUE) == ActionOutcome(ActionResult.OBJECT_UNDEFINED)
        assert await association.get_many(association.prepare([LATER, LATER])) == [AccessResult.OBJECT_UNDEFINED] * 2


async def test_the_device_name_needs_no_list(tiny_meter, associated):
    meter = tiny_meter(short=True)
    meter.listed = [o._replace(class_id=3) if o.logical_name == DEVICE_NAME.logical_name else o for o in meter.listed]
    async with associated(meter) as association:
        assert await association.get(DEVICE_NAME) == Data(axdr.OCTET_STRING, b"LGZ12345678")


async def test_attributes_and_methods_without_a_short_name_are_never_read_from_the_next_object(tiny_meter, associated):
    async with associated(tiny_meter(short=True)) as association:
        for number in (-1, 0, 6, 33, 34, 127):
            assert await association.get(ENERGY._replace(number=number)) is AccessResult.OBJECT_UNDEFINED
        assert await association.action(ENERGY._replace(number=40), VALUE) == ActionOutcome(
            ActionResult.OBJECT_UNDEFINED
        )
        with pytest.raises(RequestRejected, match="class 10004"):
            await association.action(Attribute(10004, ENERGY.logical_name, 1), VALUE)
        assert await association.get(ENERGY) == VALUE


async def test_methods_are_written_and_those_that_return_something_are_read(tiny_meter, associated):
    switch = Attribute(70, bytes((0, 0, 96, 3, 10, 255)), 2)
    by_name = Attribute(12, bytes((0, 0, 40, 0, 0, 255)), 3)
    meter = tiny_meter(short=True, returned=VALUE)
    async with associated(meter) as association:
        assert await association.action(switch, None) == ActionOutcome(ActionResult.SUCCESS)
        assert meter.requests[-1] == bytes.fromhex("0601026128010f00")
        assert await association.action(by_name, VALUE) == ActionOutcome(ActionResult.SUCCESS, VALUE)
        assert meter.requests[-1] == bytes.fromhex("050104fa30000600000 3e8".replace(" ", ""))
    assert meter.calls == [(switch, Data(axdr.INT8, 0)), (by_name, VALUE)]


@pytest.mark.parametrize("what", ["denied", "no list", "too long"])
async def test_a_meter_that_shows_no_list_is_refused(tiny_meter, credentials_for, memory_channel, monkeypatch, what):
    meter = tiny_meter(short=True)
    if what == "too long":
        monkeypatch.setattr(name_list, "MAX_OBJECTS", 10)
    elif what == "denied":
        meter.spoil = lambda good, request: [sn.encode_read_response([AccessResult.READ_WRITE_DENIED])]
    else:
        meter.spoil = lambda good, request: [b"\xd8\x01\x01"] if request == LIST else None
    with pytest.raises(AssociationRefused, match=r"object list|objects|exception"):
        await Association(memory_channel(meter.handle), credentials_for(meter), 0.1).open()


def test_a_list_on_disk_that_is_broken_is_read_anew(cache, database):
    database.execute("INSERT INTO short_names VALUES ('main-meter', ?, ?, ?)", (b"x", b"garbage", b""))
    assert cache.load(b"x") is None
    assert cache.load(b"y") is None


async def test_a_full_disk_does_not_keep_a_meter_from_being_read(tiny_meter, read_lists, database):
    meter = tiny_meter(short=True)
    database.execute("PRAGMA query_only=ON")
    for _ in range(2):
        assert await read_lists(meter, ENERGY) == ([VALUE], 1)
