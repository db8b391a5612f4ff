"""Wireshark's opinion of every frame that the mapping makes: each type, each cause, with and without SQ."""

from __future__ import annotations

import itertools
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from meterhub_iec104.asdu import build, header_of
from meterhub_iec104.cyclic import Cyclic
from meterhub_iec104.elements import KINDS
from meterhub_iec104.mapping import stations_of, transmissions_of
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Reading

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

NOON = 1_782_907_200 * 10**9
"""2026-07-01 12:00 UTC."""
READINGS = [
    Reading(value, NOON, quality, flags=flags)
    for value, quality, flags in itertools.product((0, 1), range(4), range(4))
]
SPONTANEOUS = [1, 3, 5, 7, 9, 11, 13, 15, 20, 21, *range(30, 38)]


def config(zone: str, *, tags: bool) -> Iec104Settings:
    """Of every type a run of six addresses and one apart."""
    rows = [
        {"type": kind, "point": f"m/{kind}", "ioa": 1000 * number + offset, "push": "always"}
        for number, kind in enumerate(KINDS, 1)
        for offset in (*range(6), 100)
    ]
    group = {"common_address": 7, "interrogation_group": 16, "counter_group": 4, "periodic": 1, "background": 1}
    return Iec104Settings.model_validate(
        {"groups": [{"label": "g", "rows": rows, **group}], "time_tags": tags, "time_zone": zone}
    )


def asdus() -> Iterator[bytes]:
    """What the mapping can send, as ASDUs."""
    for tags, zone in ((True, "UTC"), (True, "Europe/Warsaw"), (False, "UTC")):
        settings = config(zone, tags=tags)
        stations = stations_of(settings)
        station = stations.by_address[7]
        for reading in READINGS if zone == "UTC" else READINGS[-1:]:
            for common, octets in stations.update((f"m/{kind}", reading) for kind in KINDS):
                type_id, cause, address = header_of(common)
                yield build(type_id, cause, address, [octets], 1)
        for group in (None, 16):
            yield from station.interrogation(3, group)
        for group in (None, 4):
            yield from station.counter_interrogation(3, group)
        yield from Cyclic(transmissions_of(settings, stations), 0.0).take(1.0)
        yield from (station.read(address, 3) for address in station.objects)


def capture(path: Path) -> int:
    """Write every ASDU as a segment of its own of one TCP connection; answers how many there are."""
    sequence, number = 1, -1
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for number, asdu in enumerate(asdus()):
            apdu = struct.pack("<BBHH", 0x68, len(asdu) + 4, (number & 0x7FFF) << 1, 0) + asdu
            tcp = struct.pack(">HHIIBBHHH", 2404, 40_000, sequence, 1, 0x50, 0x18, 65535, 0, 0) + apdu
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
            packet = head + socket.inet_aton("127.0.0.1") * 2 + tcp
            file.write(struct.pack("<IIII", number, 0, len(packet), len(packet)) + packet)
            sequence += len(apdu)
    return number + 1


TIME = ("hour", "min", "ms", "su", "iv", "day", "dow", "month", "year")
VALUES = {1: "siq.spi", 3: "diq.dpi", 5: "vti.v", 7: "bitstring", 9: "normval", 11: "scalval", 13: "float"}
VALUES |= {15: "bcr.count", 21: "normval"}
ONE = {7: "0x01000000", 9: "0.999969", 21: "0.999969"}
"""How Wireshark shows 1 where it is not 1: bit strings in the order of their octets, the lowest first."""
FIELDS = ("typeid", "causetx", "sq", *(f"cp56time.{name}" for name in TIME), *sorted(set(VALUES.values())))


def tshark(path: Path, *options: str) -> list[str]:
    decode = ("-d", "tcp.port==2404,iec60870_104", "-o", "tcp.check_checksum:FALSE")
    command = ["tshark", "-r", path, *decode, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split("\n")[:-1]


@pytest.fixture(scope="module")
def captured(tmp_path_factory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("capture") / "iec104.pcap"
    return path, capture(path)


@pytest.fixture(scope="module")
def dissected(captured) -> list[dict[str, str]]:
    wanted = [word for name in FIELDS for word in ("-e", f"iec60870_asdu.{name}")]
    lines = tshark(captured[0], "-T", "fields", *wanted)
    return [dict(zip(FIELDS, line.split("\t"), strict=True)) for line in lines]


def test_no_frame_is_malformed(captured):
    assert tshark(captured[0], "-Y", "_ws.malformed || _ws.expert.severity >= 0x600000") == []


def test_every_type_and_cause_is_there(captured, dissected):
    seen = {(int(frame["typeid"]), int(frame["causetx"])) for frame in dissected}
    assert len(dissected) == captured[1]
    assert {kind for kind, cause in seen if cause == 3} == set(SPONTANEOUS)
    assert {kind for kind, cause in seen if cause != 3} == {kind for kind in SPONTANEOUS if kind < 30}
    assert {cause for _, cause in seen} == {1, 2, 3, 5, 20, 36, 37, 41}
    assert len({frame["sq"] for frame in dissected}) == 2


def test_local_time_is_understood_as_such(dissected):
    times = {" ".join(frame[f"cp56time.{name}"] for name in TIME) for frame in dissected if frame["cp56time.hour"]}
    assert times == {"12 0 0 0 0 1 3 7 26", "14 0 0 1 0 1 3 7 26"}


@pytest.mark.parametrize("type_id", VALUES)
def test_values_mean_to_wireshark_what_they_mean_here(dissected, type_id):
    frames = [frame for frame in dissected if frame["typeid"] == str(type_id) and frame["causetx"] != "3"]
    assert {value for frame in frames for value in frame[VALUES[type_id]].split(",")} == {ONE.get(type_id, "1")}
