"""What a procedure concludes about the observed data: tables in inference/, figures, a record in metrics.json."""

from __future__ import annotations

import sys
from pathlib import Path

from chiasma.core.files import plain, read_json, write_json, write_text
from chiasma.fit.contracts import conclude_in
from chiasma.plot.style import save_figure, to_csv
from chiasma.workflow.fitted import Fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.prepare import Prepared


def infer(fitted: Fitted, prepared: Prepared, options: FitOptions, *, folder: Path) -> None:
    """Write inference/NAME.csv and figures/, and the facts into metrics.json under "inference".

    Args:
        fitted: a procedure with `conclude(data, seed=)`.
        prepared: data and split; conclusions are drawn from parts that it did not learn from.
        options: the seed.
        folder: the run folder.
    """
    held_out = prepared.dataset.take(prepared.split.where("calibration", "test"))
    found = conclude_in(fitted.model, held_out, seed=options.seed, folder=folder)
    for name, columns in found.tables.items():
        write_text(folder / "inference" / f"{name}.csv", to_csv({key: plain(list(c)) for key, c in columns.items()}))
    for figure in found.figures:
        save_figure(folder / "figures", figure)
    record = plain(found.facts)
    write_json(folder / "inference" / "inference.json", record)
    write_json(folder / "metrics.json", {**read_json(folder / "metrics.json"), "inference": record})
    for key in ("gate", "says", "checks"):
        if key in found.facts:
            print(found.facts[key], file=sys.stderr, flush=True)
