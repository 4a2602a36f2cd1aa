"""The benchmark's rows: named, held against a limit, comparable; what is quick is measured."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from hotswap.host.bench import LIMITS
from hotswap.host.bench_cards import bench_cards
from hotswap.host.bench_hotplug import bench_hotplug
from hotswap.host.bench_result import Row, alternate
from hotswap.host.bench_switch import bench_control, bench_quiesce


def test_a_row_is_told_by_these_names() -> None:
    assert msgspec.to_builtins(Row("bus.in", 3.0, "us", 2.0, 1.5)) == {
        "name": "bus.in", "value": 3.0, "unit": "us", "baseline": 2.0, "ratio": 1.5
    }  # fmt: skip


async def test_both_ways_are_measured_in_turn_and_compared_round_by_round() -> None:
    order: list[str] = []
    ours_took, base_took = iter([2.0, 40.0, 3.0]), iter([1.0, 10.0, 2.0])

    async def ours() -> float:
        order.append("ours")
        return next(ours_took)

    async def base() -> float:
        order.append("base")
        return next(base_took)

    pair = await alternate(ours, base, 3)
    assert order == ["ours", "base"] * 3
    assert (pair.ours, pair.base) == (2.0, 1.0)
    assert pair.factor == 2.0  # of 2, 4 and 1.5


@pytest.mark.parametrize("measure", [bench_control, bench_quiesce])
async def test_a_row_has_a_limit_and_its_ratio(measure: Callable[[], Awaitable[Row]]) -> None:
    row = await measure()
    assert row.name in LIMITS
    assert row.ratio == pytest.approx(row.value / row.baseline)
    assert row.value > 0


@pytest.mark.parametrize("name", [name for name in LIMITS if not name.startswith("systems.")])
def test_a_row_is_explained_in_the_documents(name: str) -> None:
    assert f"`{name}`" in (Path(__file__).parents[1] / "docs" / "bench.md").read_text()


async def test_a_port_of_a_card_in_machine_code_costs_at_most_ten_of_python() -> None:
    rows = {row.name: row for row in await bench_cards(count=3_000, rounds=9)}
    assert rows["card.python"].value < rows["card.elf"].value
    assert rows["card.elf"].ratio == rows["card.ratio"].value
    assert rows["card.ratio"].ratio < 10
    assert rows["card.sandbox"].value > rows["card.python"].value


async def test_idle_cards_cost_nothing_and_insertions_little(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hotswap.host.prove.cards.WARM_UP", 2)
    measured = await bench_hotplug(idle_s=0.4, rounds=4, slope_rounds=4)
    rows = {row.name: row for row in measured}
    assert rows["card.idle_200"].value < 2
    assert rows["card.insert_python_ms"].value > 0
    assert 0 < rows["card.insert_ms"].value < 100  # hosts of tests are busy
    assert rows["card.insert_max_ms"].value < 100
    assert "card.slope_bytes" in rows
