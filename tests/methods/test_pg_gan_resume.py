"""A game of pg-gan that was killed goes on from its last step, its table of data sets from the last that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chiasma.core.errors import UsageError
from chiasma.fit.checkpoint import load_arrays
from chiasma.methods.population.pg_gan import examples, model as game_of, posterior
from chiasma.methods.population.pg_gan.config import tiny
from chiasma.methods.population.pg_gan.model import PgGan
from chiasma.methods.population.pg_gan.posterior import simulate_table
from chiasma.methods.population.pg_gan.regions import Rule

pytest.importorskip("msprime")

CONFIG = tiny().replace(start_batches=3, train_batches=2, iterations=4, length=15_000.0)


DATA = examples.simulated_dataset(CONFIG, 1, np.arange(16))


class KilledError(Exception):
    """In place of a kill."""


def counting(monkeypatch: pytest.MonkeyPatch, where: Any, *, last: float = np.inf) -> list[int]:
    """Count the batches that are simulated; the one after `last` is not."""
    made: list[int] = []
    simulate = where.simulate_batch

    def counted(*arguments: Any, **named: Any) -> Any:
        if len(made) >= last:
            raise KilledError
        made.append(named["seed"])
        return simulate(*arguments, **named)

    monkeypatch.setattr(where, "simulate_batch", counted)
    return made


@pytest.mark.parametrize("after", [4, 8, 13, 18])
def test_a_killed_game_is_not_played_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], after: int
) -> None:
    """Of 2 starts of 3 batches, the first loss, and 4 steps of 2 batches and 2 to train on where accepted."""
    with monkeypatch.context() as patch:
        whole = counting(patch, game_of)
        expected = PgGan(CONFIG).fit(DATA, seed=3)
    with monkeypatch.context() as patch:
        counting(patch, game_of, last=after)
        with pytest.raises(KilledError):
            PgGan(CONFIG).fit(DATA, seed=3, folder=tmp_path)
    kept = load_arrays(tmp_path / "checkpoint", "game")[1]["simulated"]
    assert 3 <= kept <= after < kept + 5 and capsys.readouterr().err.startswith("start 1 of 2: accuracy")
    with monkeypatch.context() as patch:
        again = counting(patch, game_of)
        resumed = PgGan(CONFIG).fit(DATA, seed=3, folder=tmp_path)
    assert again == whole[kept:], "what was simulated before the kill is simulated again"
    one, other = expected.state(), resumed.state()
    assert one[1] == other[1] and one[0].keys() == other[0].keys()
    for name, values in one[0].items():
        np.testing.assert_array_equal(values, other[0][name], err_msg=name)
    with monkeypatch.context() as patch:
        nothing = counting(patch, game_of)
        done = PgGan(CONFIG).fit(DATA, seed=3, folder=tmp_path)
    assert not nothing and done.values() == expected.values()


def test_a_game_of_other_settings_is_not_taken_up(tmp_path: Path) -> None:
    PgGan(CONFIG).fit(DATA, seed=3, folder=tmp_path)
    other = examples.simulated_dataset(CONFIG, 2, np.arange(16))
    for config, given, seed in ((CONFIG, DATA, 4), (CONFIG.replace(dropout=0.1), DATA, 3), (CONFIG, other, 3)):
        with pytest.raises(UsageError, match="other settings, data or seed"):
            PgGan(config).fit(given, seed=seed, folder=tmp_path)


def test_data_sets_that_were_kept_are_not_simulated_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posterior, "_TOGETHER", 4)
    fitted = PgGan(CONFIG).fit(DATA, seed=3)
    arguments: dict[str, Any] = {"number": 10, "regions": 3, "seed": 5}
    counted, recounted = Rule(fewest=12), Rule(fewest=12)
    expected = simulate_table(fitted, **arguments, rule=counted)
    with monkeypatch.context() as patch:
        counting(patch, posterior, last=9)
        with pytest.raises(KilledError):
            simulate_table(fitted, **arguments, rule=Rule(fewest=12), folder=tmp_path)
    with monkeypatch.context() as patch:
        made = counting(patch, posterior)
        found = simulate_table(fitted, **arguments, rule=recounted, folder=tmp_path)
    assert len(made) == 2 and recounted.counts == counted.counts and counted.counts["drawn again"] > 0
    np.testing.assert_array_equal(found.parameters, expected.parameters)
    np.testing.assert_array_equal(found.statistics, expected.statistics)
    with pytest.raises(UsageError, match="other settings"):
        simulate_table(fitted, **{**arguments, "seed": 6}, folder=tmp_path)
