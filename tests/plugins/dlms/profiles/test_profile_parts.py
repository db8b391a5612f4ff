"""Parts of reading profiles: the size of slices, windows of time, and what is known again."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import sqlite_utils
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client.cost import Link
from meterhub_dlms.client.profiles.meter_time import MeterTime
from meterhub_dlms.client.profiles.progress import MIGRATIONS, Mark, Progress
from meterhub_dlms.client.profiles.sizing import MOST_ROWS, SliceSize
from meterhub_dlms.client.profiles.slices import Window
from meterhub_dlms.client.profiles.span import span_of
from meterhub_dlms.codec import cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.local_time import with_deviation
from meterhub_sdk.store import migrate

SECOND = 1_000_000_000
NAME = bytes((1, 0, 99, 1, 0, 255))


def size(width, link, limit=65_535):
    return SliceSize(SimpleNamespace(answer_limit=limit), lambda: link, width)


@pytest.fixture
def database(tmp_path):
    database = sqlite_utils.Database(tmp_path / "store.db")
    database.conn.isolation_level = None
    migrate(database, tmp_path / "store.db", MIGRATIONS)
    yield database
    database.conn.close()


@pytest.mark.parametrize(
    ("baud", "width", "frames"), [(300, 20, 1), (9600, 20, 2), (9600, 100, 2), (9600, 500, 5), (115_200, 20, 6)]
)
def test_a_slice_takes_a_few_frames_of_the_line(baud, width, frames):
    link = Link(10 / baud, 0.05, 0.0, 3, 128, 128)
    sizer = size(width, link)
    rows = sizer.rows()
    assert 1 <= link.frames(rows * width, 128) <= frames
    assert sizer.seconds(rows) <= 0.3 or rows == 1
    assert rows == 1 or sizer.seconds(2 * rows) > 0.3


def test_on_a_fast_link_a_slice_is_bounded_by_its_entries_and_its_bytes():
    link = Link(0.0, 0.001)
    assert size(20, link).rows() == MOST_ROWS
    assert size(10_000, link).rows() == 5
    assert size(100_000, link).rows() == 1
    assert size(20, link._replace(turnaround=0.2), limit=100).rows() < 10


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 50)), max_size=20))
def test_the_size_of_a_slice_follows_the_size_of_the_entries(seen):
    sizer = size(20, Link(10 / 9600, 0.05, 0.0, 3, 128, 128))
    for width, rows in seen:
        sizer.learn(rows, rows * width)
        assert 1 <= sizer.rows() <= MOST_ROWS


@given(st.integers(0, 86_400), st.lists(st.tuples(st.integers(1, 500), st.integers(0, 5000)), max_size=50))
def test_a_window_of_time_stays_within_its_bounds(period, seen):
    window = Window(period)
    for wanted, came in seen:
        assert SECOND <= window.size(wanted) <= max(8 * period * 500, 32 * 86_400) * SECOND
        window.follow(wanted, came)


def test_a_window_grows_while_nothing_comes_and_shrinks_at_once_when_too_much_does():
    window = Window(900)
    first = window.size(10)
    for _ in range(10):
        window.follow(10, 0)
    assert window.size(10) == 8 * first
    window.follow(10, 80)
    assert window.size(10) == first


@given(
    st.integers(-(2**60), 2**60), st.integers(-840, 840), st.sampled_from(["as told", "inverted", "none"]),
)  # fmt: skip
def test_times_are_written_as_the_clock_of_the_meter_writes_them(time, deviation, way):
    """A bound that the meter compares with its own times is the very same date-time, to the hundredth."""
    time -= time % 10_000_000
    field = {"as told": deviation, "inverted": -deviation, "none": cosem_time.NO_DEVIATION}[way]
    octets = with_deviation(cosem_time.encode(time, deviation=deviation), field)

    def read(told):
        return cosem_time.decode(with_deviation(told, deviation))

    times = MeterTime(read)
    told = times.learn(Data(9, octets))
    assert told is not None
    assert (told.time, told.deviation) == (time, deviation)
    start, end = times.bounds(time, time, None)
    assert start.value == end.value == octets


def test_a_range_across_a_change_of_the_season_is_wider_by_the_difference():
    times = MeterTime()
    times.learn(Data(9, cosem_time.encode(0, deviation=-60)))
    start, end = times.bounds(0, 0, -120)
    assert start.value[:8] == cosem_time.encode(0, deviation=-60)[:8]
    assert end.value[:8] == cosem_time.encode(0, deviation=-120)[:8]


def test_our_own_clock_counts_only_while_it_is_right(database):
    """A unit that begins in 1970 and then learns the time has seen no meter go back by half a century."""
    progress = Progress(database, "m", NAME)
    progress.take([Mark(100 * SECOND, bytes(8))], None)
    progress.complete(None, 100 * SECOND, 10)
    assert span_of(progress, 200 * SECOND, 2**60, 900, 0).set_back == 0
    progress.complete(2**60, 200 * SECOND, 10)
    assert span_of(progress, 200 * SECOND, None, 900, 0).set_back == 0
    assert span_of(progress, 200 * SECOND, 2**60 + 50 * SECOND, 900, 0).set_back == 50 * SECOND


def test_what_was_taken_is_known_after_a_restart(database):
    progress = Progress(database, "m", NAME)
    assert (progress.last, progress.checked, progress.missing) == (None, None, 0)
    marks = [Mark(n * SECOND, bytes((n,)) * 8) for n in range(5)]
    progress.take(marks, -60, 3)
    progress.complete(77 * SECOND, 78 * SECOND, 100)
    again = Progress(database, "m", NAME)
    assert (again.last, again.deviation, again.missing) == (4 * SECOND, -60, 3)
    assert (again.checked, again.offset) == (77 * SECOND, SECOND)
    assert again.known(SECOND, 3 * SECOND) == set(marks[1:4])
    assert Progress(database, "other", NAME).known(0, 2**62) == set()


def test_only_so_many_entries_are_kept_as_the_meter_has(database):
    progress = Progress(database, "m", NAME)
    progress.take([Mark(n, bytes(8)) for n in range(1500)], None)
    progress.complete(0, 2**40, 1200)
    assert min(progress.known(0, 2000)).time == 300


def test_flash_is_spared_while_nothing_comes(database):
    progress = Progress(database, "m", NAME)
    progress.complete(0, 0, 10)
    before = database.conn.total_changes
    for second in range(1, 600):
        progress.complete(second * SECOND, second * SECOND + 10_000_000, 10)
    assert database.conn.total_changes == before
    progress.complete(601 * SECOND, 601 * SECOND, 10)
    assert database.conn.total_changes > before


@given(
    st.integers(0, 10**6), st.integers(-(10**6), 10**6), st.integers(0, 10**6), st.sampled_from([0, 60, 900, 86_400])
)  # fmt: skip
def test_a_span_reaches_from_the_last_entry_or_what_the_clock_was_set_back_to_up_to_now(last, ahead, elapsed, period):
    """The clock said ``last`` when an entry was read, and stands ``ahead`` of that ``elapsed`` seconds later."""
    clock = last + ahead
    progress = SimpleNamespace(last=last * SECOND, checked=0, offset=last * SECOND)
    span = span_of(progress, clock * SECOND, elapsed * SECOND, period, 86_400 * SECOND)
    start, end = span.ranges[-1]
    set_back = max(0, elapsed - ahead, -ahead)
    assert end >= clock * SECOND
    assert start <= last * SECOND
    assert start == (last - set_back) * SECOND if set_back > 5 else start == last * SECOND
    if set_back > 5:
        assert max(end for _, end in span.ranges) >= (last + elapsed) * SECOND
    assert span.back >= elapsed * SECOND or set_back <= 5
