"""`reproduce`: an experiment file is a list of verbs and of what is expected of their runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from chiasma.core.config import Config, read_toml
from chiasma.core.errors import UsageError, unknown_name
from chiasma.core.files import write_json, write_text
from chiasma.core.provenance import provenance
from chiasma.workflow.reproducing.expectations import Expectation, check, described
from chiasma.workflow.reproducing.inputs import from_steps, resolve, steps_named

EXPERIMENTS = Path(__file__).parent.parent / "experiments"


class Step(Config):
    """One verb with its arguments; inputs `dataset:NAME`, `data:PATH` and `step:NAME/FILE` are found by `resolve`."""

    verb: Literal["fit", "compare", "audit", "predict", "cross-validate", "variants", "alleles", "effects"]
    name: str = Field(description="folder of the step's result, below the output")
    methods: tuple[str, ...] = Field(
        default=(),
        description="what is fitted; for compare also names of earlier steps, whose runs are compared; for variants "
        "the models: names of earlier steps, or MODEL as on the command line",
    )
    repeat: int = Field(default=1, ge=1, description="done so often, {n} in any of its texts being 0, 1 and so on")
    preset: str = "default"
    inputs: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)
    model: str = Field(default="", description="for predict: the step whose run is used")
    start: str = Field(default="", description="for fit: the step whose run is fine-tuned")
    show: str = Field(default="", description="TSV in the step's folder that stands on the result's page")


class Experiment(Config):
    """An experiment file."""

    title: str
    question: str
    minutes: str = Field(description="time on two cores")
    step: tuple[Step, ...]
    expect: tuple[Expectation, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _repeated(cls, raw: Any) -> Any:
        """Steps with `repeat` written out."""
        steps = raw.get("step") if isinstance(raw, dict) else None
        if not isinstance(steps, (list, tuple)) or not all(isinstance(step, dict) for step in steps):
            return raw
        found = []
        for step in steps:
            times = step.get("repeat", 1)
            many = isinstance(times, int) and times > 1
            rest = {key: value for key, value in step.items() if key != "repeat"}
            found += [_numbered(rest, number) for number in range(times)] if many else [step]
        return {**raw, "step": found}

    @model_validator(mode="after")
    def _steps_exist(self) -> Self:
        names = [step.name for step in self.step]
        for place, step in enumerate(self.step):
            if unknown := sorted(steps_named([step.inputs, step.options]) - set(names[:place])):
                raise ValueError(f"step {step.name} reads of no earlier step: {', '.join(unknown)}")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"steps named twice: {', '.join(twice)}")
        asked = {expectation.step for expectation in self.expect} | {step.model for step in self.step if step.model}
        asked |= {step.start for step in self.step if step.start}
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
    steps = [_resolved(step, seed, folder) for step in experiment.step]
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
        "tables": {step.name: read_table(folder / step.name / step.show) for step in steps if step.show},
        "machine": here["machine"],
        "versions": here["versions"],
    }
    write_json(folder / "result.json", record)
    write_text(folder / "result.md", as_markdown(record))
    return record


def _numbered(item: Any, number: int) -> Any:
    """A step with {n} in its texts replaced."""
    if isinstance(item, dict):
        return {key: _numbered(value, number) for key, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [_numbered(value, number) for value in item]
    return item.replace("{n}", str(number)) if isinstance(item, str) else item


def _resolved(step: Step, seed: int | None, folder: Path) -> Step:
    """The step with its inputs as paths and the seed of this time."""
    draws = step.verb not in ("variants", "effects")
    options = from_steps(resolve(step.options), folder) | ({} if seed is None or not draws else {"seed": seed})
    if step.verb in _PARAMETERS:
        _require_options(step, options)
    return step.replace(inputs=from_steps(resolve(step.inputs), folder), config=resolve(step.config), options=options)


_PARAMETERS: dict[str, tuple[str, ...]] = {
    "alleles": ("build", "half", "folds", "fewest_barcodes", "seed"),
    "effects": ("draws",),
    "variants": ("targets", "statistic", "anchor", "shift", "both_strands", "stride", "length", "top", "logos"),
}
"""Options of the verbs that have no model of their own."""


def _require_options(step: Step, options: dict[str, Any]) -> None:
    for name in options:
        if name not in _PARAMETERS[step.verb]:
            raise unknown_name(f"option of {step.verb} in step {step.name}", name, list(_PARAMETERS[step.verb]))


def _timed(step: Step, folder: Path, *, earlier: set[str]) -> dict[str, Any]:
    start = time.perf_counter()
    state = _carry_out(step, folder, earlier)
    return {"name": step.name, "verb": step.verb, "state": state, "seconds": round(time.perf_counter() - start, 2)}


def _carry_out(step: Step, folder: Path, earlier: set[str]) -> str:
    """Do one step; "complete" where its run was there already."""
    output, inputs, options = folder / step.name, step.inputs, step.options
    if step.verb == "fit":
        from chiasma.workflow.fitting.fit import fit

        given: dict[str, Any] = {"config": step.config, "preset": step.preset, "options": options}
        start = folder / step.start if step.start else None
        return fit(step.methods[0], inputs, output=output, start=start, **given).state
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
    elif step.verb == "variants":
        from chiasma.workflow.variants.score import VariantOptions, score_variants

        models = [folder / name if name in earlier else name for name in step.methods]
        output.mkdir(parents=True, exist_ok=True)
        out = output / "scored.vcf.gz"
        score_variants(models, **inputs, output=out, options=VariantOptions(**options))
    elif step.verb == "alleles":
        from chiasma.workflow.reproducing.saturation import prepare_alleles

        write_json(output / "alleles.json", prepare_alleles(**inputs, folder=output, **options))
    elif step.verb == "effects":
        from chiasma.workflow.reproducing.saturation import measured_effects

        write_json(output / "effects.json", measured_effects(**inputs, folder=output, **options))
    else:
        from chiasma.workflow.auditing.audit import audit

        write_json(output / "audit.json", audit(**inputs, **options).to_dict())
    return "new"


def read_table(path: Path) -> list[list[str]]:
    """Rows of a TSV that a step wrote, its header first.

    Raises:
        UsageError: the step wrote no such file.
    """
    if not path.is_file():
        raise UsageError("the step did not write the table to be shown", where=path)
    return [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]


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
    for rows in record.get("tables", {}).values():
        lines += ["", *(f"| {' | '.join(row)} |" for row in (rows[0], ["---"] * len(rows[0]), *rows[1:]))]
    return "\n".join(lines) + "\n"
