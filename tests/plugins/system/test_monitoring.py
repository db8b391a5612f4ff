"""Load, memory, disk, temperatures and traffic, from files whose values vary and from this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_system import resources
from meterhub_system.machine import machine, processor_of
from meterhub_system.monitor import Monitor
from meterhub_system.processor import Processor
from meterhub_system.rates import Rates, increase
from meterhub_system.settings import SystemConfig
from meterhub_system.traffic import MOST, Traffic

WORD = 2**32


# -- processor --------------------------------------------------------------------------------------


def test_the_short_mean_follows_the_last_ten_seconds_and_the_long_one_fifteen_minutes(fake_machine: Any) -> None:
    processor, busy, idle = Processor(), 0, 0
    assert (processor.all.short, processor.cores) == (None, [])
    for second in range(0, 1802, 2):
        working = second > 1700
        busy, idle = busy + 200 * working, idle + 200 * (not working)
        fake_machine.processor((busy, idle), (0, busy + idle))
        processor.look(float(second))
    first, second_core = processor.cores
    assert (first.short, second_core.short, processor.all.short) == (100.0, 0.0, 50.0)
    assert first.long == pytest.approx(100 * 100 / 900)
    assert processor.all.long == pytest.approx(50 * 100 / 900)


def test_what_the_processor_worked_before_the_service_began_does_not_count(fake_machine: Any) -> None:
    processor = Processor()
    fake_machine.processor((1_000_000, 0))
    processor.look(5.0)
    assert processor.all.short is None
    fake_machine.processor((1_000_050, 150))
    processor.look(7.0)
    assert (processor.all.short, processor.all.long) == (25.0, 25.0)


def test_a_core_that_is_switched_off_begins_the_means_anew(fake_machine: Any) -> None:
    processor = Processor()
    for second, cores in ((0.0, ((0, 0), (0, 0))), (2.0, ((100, 100), (0, 200))), (4.0, ((150, 250),))):
        fake_machine.processor(*cores)
        processor.look(second)
    assert [load.short for load in processor.cores] == [None]
    fake_machine.processor((350, 250))
    processor.look(6.0)
    assert [load.short for load in processor.cores] == [100.0]


@given(steps=st.lists(st.tuples(st.integers(-5, 400), st.integers(-5, 400)), min_size=2, max_size=30))
def test_a_load_is_always_a_share(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]) -> None:
    proc = tmp_path_factory.mktemp("proc")
    processor, busy, idle = Processor(), 1000, 1000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psutil, "PROCFS_PATH", str(proc))
        for number, (worked, rested) in enumerate(steps):
            busy, idle = max(0, busy + worked), max(0, idle + rested)
            (proc / "stat").write_text(f"cpu {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 {busy} 0 0 {idle} 0 0 0 0 0 0\n")
            processor.look(2.0 * number)
    for value in (processor.all.short, processor.all.long):
        assert value is None or 0 <= value <= 100


# -- memory, disk, temperature ----------------------------------------------------------------------


def test_memory_that_the_kernel_can_give_back_counts_as_free(fake_machine: Any) -> None:
    fake_machine.memory(2000, 1500)
    found = resources.memory()
    assert (found.used, found.total, found.share) == (500 * 1024, 2000 * 1024, 25.0)


def test_bytes_written_are_of_whole_disks_only(fake_machine: Any) -> None:
    assert resources.written(fake_machine.sys) is None
    fake_machine.disk("mmcblk0", 1000)
    fake_machine.disk("mmcblk0p1", 900, partition=True)
    fake_machine.disk("loop0", 77, device=False)
    fake_machine.disk("sda", 24)
    assert resources.written(fake_machine.sys) == 1024 * 512


def test_temperatures_come_from_zones_and_chips_and_only_what_can_be_true(fake_machine: Any) -> None:
    fake_machine.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal")
    fake_machine.write("sys/class/thermal/thermal_zone0/temp", 41890)
    fake_machine.write("sys/class/thermal/thermal_zone1/type", "cpu-thermal")
    fake_machine.write("sys/class/thermal/thermal_zone1/temp", 43000)
    fake_machine.write("sys/class/thermal/thermal_zone2/type", "loose")
    fake_machine.write("sys/class/thermal/thermal_zone2/temp", -273150)
    fake_machine.write("sys/class/hwmon/hwmon0/name", "nvme")
    fake_machine.write("sys/class/hwmon/hwmon0/temp1_input", 38850)
    fake_machine.write("sys/class/hwmon/hwmon0/temp1_label", "Composite")
    fake_machine.write("sys/class/hwmon/hwmon0/temp2_input", "N/A")
    assert resources.temperatures(fake_machine.sys) == {
        "cpu-thermal": 41.89,
        "cpu-thermal (thermal_zone1)": 43.0,
        "nvme Composite": 38.85,
    }


# -- traffic ----------------------------------------------------------------------------------------


@given(before=st.integers(0, 2**64), by=st.integers(0, 2**31 - 1))
def test_a_counter_that_grows_is_counted_on_over_the_end_of_its_word(before: int, by: int) -> None:
    assert increase(before, before + by) == by
    narrow = before % WORD
    assert increase(narrow, (narrow + by) % WORD) == by


@given(before=st.integers(0, 2**64), now=st.integers(0, 2**64))
def test_a_counter_never_grows_by_less_than_nothing(before: int, now: int) -> None:
    grown = increase(before, now)
    assert grown is None or grown >= 0
    assert grown is not None or now < before


@given(
    looks=st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 2**40)), max_size=20),
    pause=st.floats(0.5, 100),
)
def test_rates_outlive_whatever_comes_and_goes(looks: list[dict[str, int]], pause: float) -> None:
    rates, before = Rates(), dict[str, int]()
    for number, look in enumerate(looks):
        for name, value in look.items():
            rate = rates.of(name, value, number * pause)
            grown = increase(before[name], value) if name in before else None
            assert rate == (None if grown is None else pytest.approx(grown / pause))
        rates.keep(look)
        before = look


def test_no_time_between_two_looks_is_no_rate() -> None:
    rates = Rates()
    assert [rates.of("rx", 1, 1.0), rates.of("rx", 5, 1.0), rates.of("rx", 7, 3.0)] == [None, None, 3.0]


def test_interfaces_are_seen_with_their_counters_and_rates(fake_machine: Any) -> None:
    traffic = Traffic(sys=fake_machine.sys)
    fake_machine.interface("lo", state="unknown")
    fake_machine.interface("eth0", device=True, rx_bytes=1000, tx_bytes=50, rx_errors=2, tx_errors=1, rx_dropped=7)
    fake_machine.interface("eth1", state="down", speed=-1)
    (first, second) = traffic.look(0.0)
    assert (first.name, first.up, first.device, first.speed, first.receive_rate) == ("eth0", True, True, 100, None)
    assert first.counters["errors"] == 3
    assert first.counters["dropped"] == 7
    assert (second.name, second.up, second.device, second.speed) == ("eth1", False, False, None)
    fake_machine.interface("eth0", device=True, rx_bytes=3000, tx_bytes=50)
    assert [(one.receive_rate, one.send_rate) for one in traffic.look(4.0)] == [(500.0, 0.0), (0.0, 0.0)]


def test_only_the_interfaces_asked_for_are_shown_and_never_too_many(fake_machine: Any) -> None:
    for number in range(MOST + 5):
        fake_machine.interface(f"veth{number:03}")
    fake_machine.interface("lo")
    assert len(Traffic(sys=fake_machine.sys).look(0.0)) == MOST
    assert [one.name for one in Traffic(["lo", "absent"], fake_machine.sys).look(0.0)] == ["lo"]


def test_points_of_an_interface_turn_invalid_when_it_vanishes(fake_machine: Any, tmp_path: Path) -> None:
    fake_machine.interface("usb0", rx_bytes=10)
    monitor = Monitor(SystemConfig(), tmp_path, fake_machine.sys)
    assert monitor.look(0.0).values["network/usb0/received"] == 10
    (fake_machine.sys / "class/net/usb0").rename(tmp_path / "unplugged")
    gone = monitor.look(10.0).values
    assert {value for name, value in gone.items() if name.startswith("network/usb0/")} == {None}
    (tmp_path / "unplugged").rename(fake_machine.sys / "class/net/usb0")
    back = monitor.look(20.0)
    assert (back.values["network/usb0/received"], back.values["network/usb0/receive-rate"]) == (10, None)


# -- machine ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ("processor\t: 0\nmodel name\t: Intel(R) Atom(TM) x5\n", "Intel(R) Atom(TM) x5"),
        ("processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4 Model B\n", "Raspberry Pi 4 Model B"),
        ("processor\t: 0\n", ""),
    ],
)
def test_the_processor_is_named_on_every_kind_of_machine(fake_machine: Any, lines: str, name: str) -> None:
    fake_machine.write("proc/cpuinfo", lines)
    assert processor_of(fake_machine.proc) == name


def test_this_machine_is_seen(tmp_path: Path) -> None:
    monitor = Monitor(SystemConfig(), tmp_path)
    for second in (0.0, 2.0):
        monitor.processor.look(second)
    look = monitor.look(2.0)
    status = look.status
    assert status.memory.total == psutil.virtual_memory().total
    assert 0 < (status.disk.share or 0) <= 100
    assert len(status.processor.cores) == machine().processor_cores == len(psutil.cpu_times(percpu=True))
    assert {point.name for point in look.found} >= {name for name in look.values if name.startswith("network/")}
    assert machine().host_name
