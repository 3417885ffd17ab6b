"""`reproduce`: an experiment file is a list of verbs and of what is expected of their runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from chiasma.core.config import Config, read_toml
from chiasma.core.errors import UsageError, unknown_name
from chiasma.core.files import read_json, write_json, write_text
from chiasma.core.provenance import provenance

EXPERIMENTS = Path(__file__).parent / "experiments"


class Step(Config):
    """One verb with its arguments; an input `dataset:NAME` is resolved through the catalogue."""

    verb: Literal["fit", "compare", "audit", "predict", "cross-validate"]
    name: str = Field(description="folder of the step's result, below the output")
    methods: tuple[str, ...] = ()
    preset: str = "default"
    inputs: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    model: str = Field(default="", description="for predict: the step whose run is used")


class Expectation(Config):
    """One figure in a step's JSON, and where it must lie."""

    step: str
    file: str = "metrics.json"
    key: str = Field(description="dotted path in the file, for instance test.auroc.value")
    at_least: float | None = None
    at_most: float | None = None
    equals: str | None = None
    source: str = Field(default="", description="where the expectation comes from")


class Experiment(Config):
    """An experiment file."""

    title: str
    question: str
    minutes: str = Field(description="time on two cores")
    step: tuple[Step, ...]
    expect: tuple[Expectation, ...] = ()


def list_experiments() -> list[str]:
    """Names of the experiments that come with chiasma."""
    return sorted(path.stem for path in EXPERIMENTS.glob("*.toml"))


def load_experiment(name: Path | str) -> Experiment:
    """An experiment by name or file."""
    path = Path(name) if Path(name).suffix == ".toml" else EXPERIMENTS / f"{name}.toml"
    if not path.exists():
        raise unknown_name("experiment", str(name), list_experiments())
    return Experiment.parse(read_toml(path), source=path.name)


def reproduce(name: Path | str, *, output: Path | str | None = None, seed: int | None = None) -> dict[str, Any]:
    """Carry an experiment out and hold its figures against what is expected.

    Args:
        name: an experiment that comes with chiasma, or a TOML file.
        output: where its runs go; default runs/EXPERIMENT.
        seed: overrides the seed of every step.

    Returns:
        The record written to result.json: each expectation with the figure found and whether it holds.
    """
    experiment = load_experiment(name)
    folder = Path(output) if output is not None else Path("runs") / Path(name).stem
    start = time.perf_counter()
    for step in experiment.step:
        _carry_out(step, folder, seed)
    checks = [_check(expectation, folder) for expectation in experiment.expect]
    record = {
        "title": experiment.title,
        "question": experiment.question,
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((time.perf_counter() - start) / 60, 2),
        "holds": all(check["holds"] for check in checks),
        "checks": checks,
        "machine": provenance({})["machine"],
        "versions": provenance({})["versions"],
    }
    write_json(folder / "result.json", record)
    write_text(folder / "result.md", as_markdown(record))
    return record


def _carry_out(step: Step, folder: Path, seed: int | None) -> None:
    inputs = {key: _resolve(value) for key, value in step.inputs.items()}
    options = {key: _resolve(value) for key, value in step.options.items()}
    if seed is not None:
        options["seed"] = seed
    output = folder / step.name
    if step.verb == "fit":
        from chiasma.workflow.fitting import fit

        fit(step.methods[0], inputs, output=output, config=step.config, preset=step.preset, options=options)
    elif step.verb == "compare":
        from chiasma.workflow.comparing import compare

        compare(step.methods, inputs, output=output, presets=step.preset, options=options)
    elif step.verb == "predict":
        from chiasma.workflow.predicting import predict

        predict(folder / step.model, inputs, output=output.with_suffix(".tsv"))
    elif step.verb == "cross-validate":
        from chiasma.workflow.cross_validate import cross_validate_files

        found = cross_validate_files(step.methods[0], inputs, config=step.config, preset=step.preset, options=options)
        write_json(output / "cross_validation.json", found)
    else:
        from chiasma.workflow.auditing import audit

        write_json(output / "audit.json", audit(**inputs).to_dict())


def _resolve(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(item) for key, item in value.items()}
    if isinstance(value, str) and value.startswith("dataset:"):
        from chiasma.io.catalogue import resolve

        name, _, column = value.removeprefix("dataset:").partition(":")
        return f"{resolve(name)}{':' + column if column else ''}"
    return value


def _check(expectation: Expectation, folder: Path) -> dict[str, Any]:
    found: Any = read_json(folder / expectation.step / expectation.file)
    for part in expectation.key.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError) as error:
            raise UsageError(
                "no such figure", where=f"{expectation.step}/{expectation.file}", got=expectation.key
            ) from error
    holds = found is not None
    if expectation.at_least is not None:
        holds = holds and found >= expectation.at_least
    if expectation.at_most is not None:
        holds = holds and found <= expectation.at_most
    if expectation.equals is not None:
        holds = holds and str(found) == expectation.equals
    return {**expectation.model_dump(exclude_none=True), "found": found, "holds": bool(holds)}


def as_markdown(record: dict[str, Any]) -> str:
    """The record as a table, for docs/results."""
    lines = [f"# {record['title']}", "", record["question"], "", f"{record['date']}, {record['minutes']} minutes.", ""]
    lines += ["| figure | found | expected | holds | source |", "|---|---|---|---|---|"]
    for check in record["checks"]:
        wanted = [f">= {check['at_least']}" if "at_least" in check else ""]
        wanted += [f"<= {check['at_most']}" if "at_most" in check else "", check.get("equals", "")]
        found = f"{check['found']:.4g}" if isinstance(check["found"], float) else check["found"]
        figure = f"{check['step']} {check['key']}"
        expected = " ".join(filter(None, wanted)) or "recorded"
        lines.append(
            f"| {figure} | {found} | {expected} | {'yes' if check['holds'] else '**no**'} | {check['source']} |"
        )
    return "\n".join(lines) + "\n"
