"""The bench's own parts, and its quickest table: no time is asserted."""

from pathlib import Path

from tests.bench.measuring import Cost, Options, call, environment, in_turn, middle
from tests.bench.results import Bar, Table, write_section
from tests.bench.tables import rules


def test_ways_are_measured_in_turn_and_a_first_round_is_not_counted() -> None:
    order: list[str] = []

    def way(name: str, seconds: list[float]) -> Cost:
        order.append(name)
        return Cost(seconds.pop(0), 0, 0)

    one, other = [9.0, 1.0, 5.0, 2.0], [9.0, 4.0, 4.0, 3.0]
    found = in_turn(3, {"a": lambda: way("a", one), "b": lambda: way("b", other)})
    assert order == ["a", "b"] * 4
    assert {name: cost.seconds for name, cost in found.items()} == {"a": 2.0, "b": 4.0}


def test_the_median_is_taken_of_each_figure() -> None:
    assert middle([Cost(1, 9, 2), Cost(2, 8, 1), Cost(3, 7, 3)]) == Cost(2, 8, 2)


def test_a_child_returns_its_result_and_cost(tmp_path: Path) -> None:
    env = environment(tmp_path)
    assert env["AIRFLOW_HOME"] == f"{tmp_path}/airflow"
    assert "PYTHONDONTWRITEBYTECODE" not in env
    result, cost = call("child:peak", env=env)
    assert 1 < result <= cost.peak


def test_a_bar_is_reached_on_its_own_side() -> None:
    assert Bar("", 1.1, 1.15).reached
    assert not Bar("", 1.2, 1.15).reached
    assert Bar("", 2.6, 2.5, at_least=True).reached
    assert not Bar("", float("nan"), 1).reached


def test_other_tables_stay_and_keep_their_order(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    for name, cell in (("b", "old"), ("a", "x"), ("b", "new")):
        write_section(name, Table(f"Title {name}", ("", "s"), [(cell, "1")]), ["a", "b"], path=path)
    text = path.read_text()
    assert text.index("## Title a") < text.index("## Title b")
    assert "new" in text
    assert "old" not in text


def test_the_rules_are_measured_whole(tmp_path: Path) -> None:
    table = rules.measure(Options(1, True, tmp_path))
    assert len(table.rows) == 9
    assert {bar.what for bar in table.bars} == {"the slowest verdict", "the slowest plan"}
