"""Object lists as meters have them, odd ones included, and what is shown of odd values."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client.browse.contents import Content, read_contents
from meterhub_dlms.client.browse.readable import shown, type_name
from meterhub_dlms.client.browse.rows import object_row
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.object_list import AttributeRights, ObjectRow, Rights, decode_list, decode_rights
from meterhub_dlms.codec.xdlms import AccessResult

NAME = bytes((1, 1, 1, 8, 0, 255))
METER = Meter(label="m", host="192.0.2.1", mappings=[])


def structure(*elements):
    return Data(axdr.STRUCTURE, list(elements))


def array(*elements):
    return Data(axdr.ARRAY, list(elements))


def attribute(number, mode):
    return structure(Data(axdr.INT8, number), Data(axdr.ENUM, mode), Data(axdr.NULL, None))


def row(class_id=3, version=0, name=NAME, attributes=(), methods=()):
    rights = structure(array(*attributes), array(*methods))
    return structure(Data(axdr.UINT16, class_id), Data(axdr.UINT8, version), Data(axdr.OCTET_STRING, name), rights)


@pytest.mark.parametrize(
    ("version", "mode", "read", "write"),
    [
        (1, 0, False, False), (1, 1, True, False), (1, 2, False, True), (1, 3, True, True),
        (2, 4, True, False), (2, 5, False, True), (2, 6, True, True), (2, 7, False, False),
        (3, 1, True, False), (3, 2, False, True), (3, 3, True, True), (3, 0b111101, True, False), (3, 4, False, False),
    ],
)  # fmt: skip
def test_access_modes_of_every_version_of_the_association(version, mode, read, write):
    association = row(15, version, bytes((0, 0, 40, 0, 0, 255)))
    listed = decode_list(array(row(attributes=[attribute(2, mode)]), association))
    assert listed.rows[0].rights.attributes == (AttributeRights(2, read, write),)


def test_odd_rows_harm_no_others():
    method = structure(Data(axdr.INT8, 1), Data(axdr.BOOLEAN, True))
    listed = decode_list(
        array(
            row(10_004, 7, attributes=[attribute(2, 1)], methods=[method]),
            Data(axdr.NULL, None),
            structure(Data(axdr.UINT16, 3)),
            row(name=b"short"),
            structure(*row().value[:3], Data(axdr.NULL, None)),
            row(attributes=[Data(axdr.UINT8, 1), structure(Data(axdr.NULL, None)), attribute(-1, 3)]),
        )
    )
    assert listed.malformed == 3
    assert [(each.class_id, each.version, each.rights) for each in listed.rows] == [
        (10_004, 7, Rights((AttributeRights(2, True, False),), (1,))),
        (3, 0, None),
        (3, 0, Rights((AttributeRights(-1, True, True),), ())),
    ]
    with pytest.raises(CodecError):
        decode_list(Data(axdr.OCTET_STRING, b""))


def test_rights_with_short_names_go_by_base_names():
    rows = array(
        structure(Data(axdr.INT16, -1536), array(attribute(2, 1)), array()), Data(axdr.NULL, None), structure()
    )
    assert decode_rights(rows) == {0xFA00: Rights((AttributeRights(2, True, False),), ())}


values = st.recursive(
    st.sampled_from(
        [
            Data(axdr.NULL, None), Data(axdr.BOOLEAN, True), Data(axdr.BIT_STRING, "0101"), Data(axdr.INT64, -5),
            Data(axdr.FLOAT32, 0.5), Data(axdr.ENUM, 3), Data(axdr.OCTET_STRING, b"\x00\xff"),
            Data(axdr.VISIBLE_STRING, b"text"), Data(axdr.OCTET_STRING, bytes(12)), Data(axdr.DATE_TIME, b"\xff" * 12),
            Data(axdr.DATE, b"\x07\xe8\x01\x01\xff"), Data(axdr.OCTET_STRING, b"\x07\xe8" + b"\xff" * 10),
            Data(axdr.COMPACT_ARRAY, (b"\x11", b"\x01\x02")),
        ]
    ),
    lambda inner: st.builds(Data, st.sampled_from([axdr.ARRAY, axdr.STRUCTURE]), st.lists(inner, max_size=50)),
    max_leaves=200,
)  # fmt: skip


@given(values)
def test_everything_is_shown_in_a_bounded_line(data):
    assert len(shown(data)) <= 200
    assert "\n" not in shown(data)
    assert type_name(data)
    row = object_row(METER, ObjectRow(1, 0, NAME), Content(data))
    assert row.raw == row.value == shown(data)


def test_times_are_shown_in_utc_where_they_can_be():
    time = cosem_time.encode(1_700_000_000_000_000_000, deviation=-60)
    assert shown(Data(axdr.OCTET_STRING, time)) == "2023-11-14T22:13:20Z"
    assert shown(Data(axdr.DATE_TIME, time[:9] + b"\x80\x00" + time[11:])) == "2023-11-14 23:13:20 (as in the meter)"


class OddMeter:
    """Answers as an association does; its manufacturer's classes hold what no decoder knows."""

    lists, request_limit = True, 200

    def request_size(self, count):
        return 4 + 10 * count

    def prepare(self, attributes):
        return attributes

    async def get_many(self, attributes):
        return [await self.get(attribute) for attribute in attributes]

    async def get(self, attribute):
        assert attribute.class_id < 100
        if attribute.number == 3:
            return Data(axdr.STRUCTURE, [Data(axdr.INT8, -2), Data(axdr.ENUM, 35)])
        return AccessResult.TEMPORARY_FAILURE if attribute.class_id == 1 else Data(axdr.UINT16, 23_012)

    async def get_encoded(self, attribute, selection=None):
        assert attribute.class_id not in (7, 15)
        return {10_002: b"\xf7\x01", 10_004: encode(Data(axdr.UINT8, 7))}.get(
            attribute.class_id, AccessResult.OBJECT_UNDEFINED
        )


async def test_values_of_any_class_are_read_or_told_why_not():
    classes = [3, 10_002, 10_004, 10_006, 1, 7, 15]
    rows = [ObjectRow(class_id, 0, NAME) for class_id in classes]
    rows.append(ObjectRow(3, 0, NAME[:5] + b"\x01", Rights((AttributeRights(2, False, True),), ())))
    async with asyncio.timeout(5):
        contents = await read_contents(OddMeter(), rows)
    shown_rows = [object_row(METER, row, content) for row, content in zip(rows, contents, strict=True)]
    assert [row.value for row in shown_rows] == ["230.12", "", "7", "", "", "", "", ""]
    problems = [row.problem for row in shown_rows]
    assert "cannot be understood" in problems[1]
    assert problems[3] == "object-undefined (4)"
    assert problems[4] == "temporary-failure (2)"
    assert [problems[place] for place in (0, 2, 5, 6, 7)] == [""] * 5
    assert [row.mapping is not None for row in shown_rows] == [True, False, True, False, False, False, False, False]


@given(st.lists(st.one_of(values, st.just(row()), st.builds(structure, values, values, values, values)), max_size=8))
def test_no_list_of_a_meter_breaks_the_browser(rows):
    listed = decode_list(array(*rows))
    assert len(listed.rows) + listed.malformed == len(rows)
    decode_rights(array(*rows))
