"""Pictures of inference: what is drawn is what the tables say."""

from __future__ import annotations

import numpy as np

from chiasma.plot.inference import plot_annealing, plot_checks, plot_intervals, plot_ranks

INTERVALS = {
    "parameter": ["N", "T", "N", "T"],
    "way": ["abc", "abc", "network", "network"],
    "median": [5.0, 2.0, 6.0, 1.0],
    "low": [4.0, 1.0, 5.0, 0.5],
    "high": [6.0, 3.0, 7.0, 1.5],
    "range_low": [0.0, 0.0, 0.0, 0.0],
    "range_high": [10.0, 4.0, 10.0, 4.0],
}


def test_intervals_show_the_truth_only_where_it_is_known() -> None:
    estimates = {"parameter": ["N", "T"], "estimate": [5.5, 2.5]}
    real = plot_intervals(INTERVALS, estimates)
    simulated = plot_intervals(INTERVALS, {**estimates, "truth": [5.0, 2.0]})
    assert ">truth<" in simulated.svg and ">truth<" not in real.svg and ">annealing<" in real.svg
    assert "0 to 10" in real.svg and real.table["median"] == INTERVALS["median"]


def test_a_walk_is_drawn_with_what_was_accepted() -> None:
    trace = {"step": [1, 2, 3], "loss": [0.9, 0.5, 0.7], "accepted": [True, True, False], "N": [5.0, 6.0, 6.0]}
    figure = plot_annealing(trace, {"N": (0.0, 10.0)})
    assert all(label in figure.svg for label in (">accepted<", ">refused<", ">N<"))
    assert figure.table["accepted"] == [True, True, False]


def test_checks_without_a_value_are_left_out_and_kept_in_the_table() -> None:
    none = float("nan")
    checks = {"name": ["pi", "fst"], "observed": [1.0, 2.0], "simulated": [1.0, 2.0], "difference": [4.0, none]}
    checks |= {"shift": [0.4, none], "shift_larger": [0.6, none]}
    figure = plot_checks(checks)
    assert ">pi<" in figure.svg and figure.table["name"] == ["pi", "fst"] and figure.table["shift"][1] is None


def test_even_ranks_do_not_exceed() -> None:
    even = (np.arange(50) + 0.5) / 50
    figure = plot_ranks({"abc": {"N": even, "T": even**2}, "network": {"N": even}})
    excess = {(w, p): [] for w, p in zip(figure.table["way"], figure.table["parameter"])}
    for way, name, value in zip(figure.table["way"], figure.table["parameter"], figure.table["excess"]):
        excess[way, name].append(abs(value))
    assert max(excess["abc", "N"]) < 1e-9 and max(excess["network", "N"]) < 1e-9 and max(excess["abc", "T"]) > 0.2
