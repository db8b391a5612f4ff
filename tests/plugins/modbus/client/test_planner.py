"""The planner finds the cheapest requests: compared with all there are."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_modbus.client.planner import Cost, Hole, Limits, duration, optimal, plan
from meterhub_modbus.client.rtu_link import LineTiming


@dataclass(frozen=True)
class Place:
    address: int
    end: int
    bank: str = "holding"


def partitions(values: list[Place]) -> list[list[list[Place]]]:
    """All ways to put values into blocks."""
    if not values:
        return [[]]
    found = []
    for blocks in partitions(values[1:]):
        found.append([[values[0]], *blocks])
        for at in range(len(blocks)):
            found.append([*blocks[:at], [values[0], *blocks[at]], *blocks[at + 1 :]])
    return found


def cheapest(values: list[Place], cost: Cost, most: int, holes: list[Hole]) -> float:
    best = float("inf")
    for blocks in partitions(values):
        total = 0.0
        for block in blocks:
            first, end = min(v.address for v in block), max(v.end for v in block)
            touched = any(first < hole.end and end > hole.first for hole in holes)
            if len(set(block)) > 1 and (end - first > most or touched):
                break
            total += cost.of("holding", end - first)
        else:
            best = min(best, total)
    return best


places = st.builds(lambda a, n: Place(a, a + n), st.integers(0, 60), st.sampled_from([1, 2, 4]))
costs = st.builds(Cost, st.floats(0, 50), st.floats(0.01, 5), st.just(0.1))


@st.composite
def rows_of_values(draw):
    """Values mostly next to each other, as in real devices."""
    values, at = [], 0
    for _ in range(draw(st.integers(1, 7))):
        at += draw(st.sampled_from([0, 0, 0, 1, 3, 10]))
        size = draw(st.sampled_from([1, 2, 4]))
        values.append(Place(at, at + size))
        at += draw(st.sampled_from([size, size, size, 0]))
    return values


gaps = st.builds(lambda a, n: Hole("holding", a, a + n), st.integers(0, 60), st.integers(0, 3))


@given(
    st.lists(places, min_size=1, max_size=7) | rows_of_values(), costs, st.integers(4, 40), st.lists(gaps, max_size=3)
)
def test_no_other_requests_are_cheaper(values, cost, most, holes):
    holes = [hole for hole in holes if not any(v.address < hole.end and v.end > hole.first for v in values)]
    blocks = optimal(values, cost, most, holes)
    assert duration(blocks, cost) == pytest.approx(cheapest(values, cost, most, holes))
    assert sorted((v.address, v.end) for block in blocks for v in block.values) == sorted(
        (v.address, v.end) for v in values
    )


def test_ten_thousand_coils_are_planned_with_few_comparisons():
    asked = 0

    class Counting(Cost):
        def of(self, bank, count):
            nonlocal asked
            asked += 1
            return super().of(bank, count)

    values = [Place(i, i + 1, "coils") for i in range(10_000)]
    assert len(optimal(values, Counting(1, 1, 0.001), 2000)) == 5
    assert asked < 50_000


@given(st.lists(places, max_size=30), costs, st.integers(4, 40), st.lists(gaps, max_size=5))
def test_blocks_hold_their_values_and_keep_limits_and_holes(values, cost, most, holes):
    for block in optimal(values, cost, most, holes):
        assert all(block.first <= v.address and v.end <= block.end for v in block.values)
        if len(set(block.values)) > 1:
            assert block.count <= most
            assert not any(block.first < hole.end and block.end > hole.first for hole in holes)


@pytest.mark.parametrize(
    ("baud", "turnaround", "gap"), [(2400, 0.002, 10), (9600, 0.02, 17), (19200, 0.01, 17), (115200, 0.005, 42)]
)
def test_gaps_are_read_up_to_the_break_even_of_the_line(baud, turnaround, gap):
    cost = LineTiming(baud).cost(turnaround)

    def blocks(hole):
        return len(optimal([Place(0, 1), Place(1 + hole, 2 + hole)], cost, 125))

    assert abs(max(hole for hole in range(110) if blocks(hole) == 1) - gap) <= 1


def test_slower_values_inside_a_faster_block_ride_along():
    fast, slow = [Place(0, 2), Place(10, 12)], [Place(4, 6), Place(30, 32)]
    planned = plan([fast, slow], Cost(100, 1, 1), Limits())
    assert [(b.first, b.end, len(b.values)) for b in planned[0]] == [(0, 12, 3)]
    assert [(b.first, b.end, len(b.values)) for b in planned[1]] == [(30, 32, 1)]


def test_banks_are_never_mixed_and_without_merging_each_value_goes_alone():
    values = [Place(0, 1), Place(1, 2), Place(0, 1, "coils"), Place(1, 2, "coils"), Place(2, 3, "input")]
    assert len(plan([values], Cost(1, 0, 0), Limits())[0]) == 3
    assert len(plan([values], Cost(1, 0, 0), Limits(merge=False))[0]) == 5


def test_bits_are_read_up_to_two_thousand_at_once():
    values = [Place(i, i + 1, "coils") for i in range(0, 4000, 10)]
    assert [b.count for b in plan([values], Cost(1, 0, 1e-6), Limits())[0]] == [1991, 1991]
    assert all(b.count <= 16 for b in plan([values], Cost(1, 0, 1e-6), Limits(1))[0])
