"""`reproduce`: an experiment file is a list of verbs and of what is expected of their runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from chiasma.core.config import Config, read_toml
from chiasma.core.errors import unknown_name
from chiasma.core.files import write_json, write_text
from chiasma.core.provenance import provenance
from chiasma.workflow.reproducing.expectations import Expectation, check, described
from chiasma.workflow.reproducing.inputs import resolve

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


class Step(Config):
    """One verb with its arguments; inputs `dataset:NAME` and `data:PATH` are found by `experiment_inputs.resolve`."""

    verb: Literal["fit", "compare", "audit", "predict", "cross-validate"]
    name: str = Field(description="folder of the step's result, below the output")
    methods: tuple[str, ...] = Field(
        default=(), description="what is fitted; for compare also names of earlier steps, whose runs are compared"
    )
    preset: str = "default"
    inputs: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    model: str = Field(default="", description="for predict: the step whose run is used")


class Experiment(Config):
    """An experiment file."""

    title: str
    question: str
    minutes: str = Field(description="time on two cores")
    step: tuple[Step, ...]
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="after")
    def _steps_exist(self) -> Self:
        names = [step.name for step in self.step]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"steps named twice: {', '.join(twice)}")
        asked = {expectation.step for expectation in self.expect} | {step.model for step in self.step if step.model}
        if unknown := sorted(asked - set(names)):
            raise ValueError(f"no such step: {', '.join(unknown)}")
        for step in self.step:
            if step.verb in ("fit", "cross-validate") and len(step.methods) != 1:
                raise ValueError(f"step {step.name}: {step.verb} takes one method")
        return self


def list_experiments() -> list[str]:
    """Names of the experiments that come with chiasma."""
    return sorted(path.stem for path in EXPERIMENTS.glob("*.toml"))


def load_experiment(name: Path | str) -> Experiment:
    """An experiment by name or file.

    Raises:
        UsageError: no such experiment, or the file is not one; all that is wrong with it.
    """
    path = Path(name) if Path(name).suffix == ".toml" else EXPERIMENTS / f"{name}.toml"
    if not path.exists():
        raise unknown_name("experiment", str(name), list_experiments())
    return Experiment.parse(read_toml(path), source=path.name)


def reproduce(name: Path | str, *, output: Path | str | None = None, seed: int | None = None) -> dict[str, Any]:
    """Carry an experiment out and hold its figures against what is expected.

    Args:
        name: an experiment that comes with chiasma, or a TOML file.
        output: where its runs go; default runs/EXPERIMENT. Fits that are complete there are not done again.
        seed: overrides the seed of every step.

    Returns:
        The record written to result.json: each expectation with the figure found and whether it holds.

    Raises:
        UsageError, InputError: the experiment, or an input of any of its steps, before anything is done.
    """
    experiment = load_experiment(name)
    folder = Path(output) if output is not None else Path("runs") / Path(name).stem
    steps = [_resolved(step, seed) for step in experiment.step]
    record: dict[str, Any] = {
        "title": experiment.title,
        "question": experiment.question,
        "date": datetime.now(UTC).date().isoformat(),
    }
    record["steps"] = [_timed(step, folder, earlier={one.name for one in steps}) for step in steps]
    checks = [check(expectation, folder) for expectation in experiment.expect]
    here = provenance({})
    record |= {
        "minutes": round(sum(step["seconds"] for step in record["steps"]) / 60, 2),
        "holds": all(found["holds"] for found in checks),
        "checks": checks,
        "machine": here["machine"],
        "versions": here["versions"],
    }
    write_json(folder / "result.json", record)
    write_text(folder / "result.md", as_markdown(record))
    return record


def _resolved(step: Step, seed: int | None) -> Step:
    """The step with its inputs as paths and the seed of this time."""
    options = resolve(step.options) | ({} if seed is None else {"seed": seed})
    return step.replace(inputs=resolve(step.inputs), config=resolve(step.config), options=options)


def _timed(step: Step, folder: Path, *, earlier: set[str]) -> dict[str, Any]:
    start = time.perf_counter()
    state = _carry_out(step, folder, earlier)
    return {"name": step.name, "verb": step.verb, "state": state, "seconds": round(time.perf_counter() - start, 2)}


def _carry_out(step: Step, folder: Path, earlier: set[str]) -> str:
    """Do one step; "complete" where its run was there already."""
    output, inputs, options = folder / step.name, step.inputs, step.options
    if step.verb == "fit":
        from chiasma.workflow.fitting.fit import fit

        found = fit(step.methods[0], inputs, output=output, config=step.config, preset=step.preset, options=options)
        return found.state
    if step.verb == "compare":
        from chiasma.workflow.comparing.compare import compare

        runs = set(step.methods) <= earlier
        methods = [str(folder / name) for name in step.methods] if runs else step.methods
        compare(methods, None if runs else inputs, output=output, presets=step.preset, options=options)
    elif step.verb == "predict":
        from chiasma.workflow.predicting.predict import predict

        output.mkdir(parents=True, exist_ok=True)
        predict(folder / step.model, inputs, output=output / "predictions.tsv", **options)
    elif step.verb == "cross-validate":
        from chiasma.workflow.fitting.cross_validate import cross_validate_files

        scores = cross_validate_files(step.methods[0], inputs, config=step.config, preset=step.preset, options=options)
        write_json(output / "cross_validation.json", scores)
    else:
        from chiasma.workflow.auditing.audit import audit

        write_json(output / "audit.json", audit(**inputs, **options).to_dict())
    return "new"


def as_markdown(record: dict[str, Any]) -> str:
    """The record as a page, for docs/results: date, machine and versions, then each figure with what was expected."""
    lines = [f"# {record['title']}", "", record["question"], ""]
    lines += [f"{record['date']}, {record['minutes']:.1f} minutes on {record['machine']['cores']} cores."]
    if done := [step["name"] for step in record.get("steps", []) if step["state"] == "complete"]:
        lines[-1] += f" Done before, and not counted: {', '.join(done)}."
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    lines += ["", f"{record['machine']['system'].split('-')[0]}, {record['machine']['processor']}; {versions}."]
    lines += ["", "| figure | found | expected | holds | source |", "|---|---|---|---|---|"]
    for found in record["checks"]:
        value, wanted = described(found)
        cells = (
            found.get("what") or f"{found['step']}: {found['key']}",
            value,
            wanted,
            "yes" if found["holds"] else "**no**",
        )
        row = [*cells, found.get("source", "")]
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |")
    return "\n".join(lines) + "\n"
