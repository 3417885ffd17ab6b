"""A runnable notebook that reloads a run, shows its figures of merit and predicts on new files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chiasma.core.files import write_text
from chiasma.report.load import Run, read_run
from chiasma.report.methods_text import methods_paragraph
from chiasma.report.words import may_not_claim, verdict


def write_notebook(run: Path | str, output: Path | str) -> Path:
    """Write a notebook (nbformat 4.5) about a run.

    Args:
        run: the run folder.
        output: the .ipynb file.

    Returns:
        The path of the notebook.

    Raises:
        InputError: not a run folder.
    """
    found = read_run(run)
    cells = [*_reading(found), *_examples(found), *_predicting(found)]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    document = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    output = Path(output)
    write_text(output, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return output


def _reading(run: Run) -> list[dict[str, Any]]:
    claims = "\n".join(f"- {claim}" for claim in may_not_claim(run))
    limits = f"\n\n**What may not be claimed**\n\n{claims}" if claims else ""
    return [
        _text(f"# {run.name}: {run.method}\n\n{verdict(run)}{limits}"),
        _code(
            "import json\nfrom pathlib import Path\n\nimport pandas as pd\n\n"
            f"run = Path({str(run.path.resolve())!r})  # change this where the folder has moved\n"
            'metrics = json.loads((run / "metrics.json").read_text())\n'
            'rows = {run.name: metrics["test"], **metrics["baselines"]}\n'
            'pd.DataFrame({name: {key: item["value"] for key, item in row.items()} for name, row in rows.items()}).T'
        ),
        _text(f"## Methods\n\n{methods_paragraph(run)}"),
    ]


def _examples(run: Run) -> list[dict[str, Any]]:
    cells = [
        _text("## Predictions on the test part"),
        _code(
            'predictions = pd.read_parquet(run / "predictions.parquet")\n'
            'test = predictions[predictions["part"] == "test"]\n'
            "test.head()"
        ),
    ]
    if run.explain:
        cells += [
            _text("## Explanations"),
            _code(
                'files = sorted((run / "explain").glob("*.tsv"))\n'
                'tables = {path.stem: pd.read_csv(path, sep="\\t") for path in files}\n'
                "for name, table in tables.items():\n    print(name)\n    display(table.head(10))"
            ),
        ]
    return cells


def _predicting(run: Run) -> list[dict[str, Any]]:
    if run.card.get("transductive"):
        return [_text(f"{run.method} is fitted to its own samples only: it cannot predict on new ones.")]
    return [
        _text("## New data\n\nThe same from the command line: `chiasma predict RUN INPUT -o predictions.tsv`."),
        _code(
            "new_data = None  # the path of a file like the one that the run was fitted to\n"
            "if new_data:\n"
            "    import subprocess\n\n"
            '    command = ["chiasma", "predict", str(run), new_data, "-o", "predictions.tsv"]\n'
            "    subprocess.run(command, check=True)\n"
            '    display(pd.read_csv("predictions.tsv", sep="\\t").head())'
        ),
    ]


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict[str, Any]:
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": lines}
