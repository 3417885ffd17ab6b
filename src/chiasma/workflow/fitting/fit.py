"""`fit`: data, split, audit, training, rivals, evaluation, explanation, report; one run folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chiasma.core.config import Config, dump_toml
from chiasma.core.errors import InputError, UsageError
from chiasma.core.files import content_hash, plain, read_json, write_json, write_text
from chiasma.core.provenance import describe_inputs, provenance
from chiasma.fit.launch import refuse_launcher
from chiasma.run.folder import RunFolder
from chiasma.workflow.fitted import Fitted, load_fitted
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.fitting.starting import check_start, starting_file
from chiasma.workflow.loading.adaptation import adapts, refuse_idle_settings
from chiasma.workflow.loading.masks import mask_of_fit
from chiasma.workflow.loading.prepare import Prepared, check_inputs, of_examples, prepare
from chiasma.workflow.loading.remarks import reading_remarks
from chiasma.workflow.method import Method, load_method


@dataclass(frozen=True)
class RunResult:
    """What a fit left behind.

    Attributes:
        path: the run folder.
        state: new, resumed or complete ("already done").
        verdict: the comparison with the best simple rival in words.
        metrics: metrics.json.
        report: the page, or None.
    """

    path: Path
    state: str
    verdict: str
    metrics: dict[str, Any]
    report: Path | None


@dataclass(frozen=True, eq=False)
class Job:
    """One fit, fully specified; `named_rivals` are those that methods beside it must face."""

    method: Method
    config: Config
    inputs: dict[str, Any]
    options: FitOptions
    start: Path | None = None
    named_rivals: tuple[str, ...] = ()

    def identity(self) -> dict[str, Any]:
        """What makes this run this run: its folder is resumed only by the same."""
        hashes = {name: record.get("sha256", record.get("value")) for name, record in self._described().items()}
        options = self.options.model_dump(mode="json", exclude={"device", "executor", "workers"})
        for name in ("motifs", "test_ids"):
            if (path := getattr(self.options, name)) is not None:
                options[name] = content_hash(path)
        if not (self.options.complete and self.method.card.partial):
            del options["complete"]  # others read complete samples anyway
        start = None if self.start is None else content_hash(starting_file(self.start))
        config = self.config.model_dump(mode="json")
        if not adapts(self.inputs):
            config.pop("adaptation", None)  # nothing looks at it
        settings = {"method": self.method.name, "config": config, "start": start}
        if read := self.config.named_files():
            settings["files"] = {name: content_hash(path) for name, path in read.items()}
        return plain({**settings, "options": options, "inputs": hashes})

    def default_output(self) -> Path:
        """runs/METHOD-HASH, the hash of configuration and inputs."""
        digest = self.config.digest(json.dumps(self.identity(), sort_keys=True))
        return Path("runs") / f"{self.method.name}-{digest}"

    def _described(self) -> dict[str, dict[str, Any]]:
        return describe_inputs(flatten_inputs(self.inputs))


def flatten_inputs(inputs: Mapping[str, Any]) -> dict[str, object]:
    """Nested inputs (view: {mrna: FILE}) with one name each (view.mrna); a trailing :COLUMN is split off.

    The files that a table of genomes names stand beside it (genomes.human.fasta).
    """
    flat: dict[str, object] = {}
    if inputs.get("genomes") is not None:
        from chiasma.workflow.loading.genomes import files_named

        flat |= {f"genomes.{name}": file for name, file in files_named(inputs["genomes"]).items()}
    for name, value in inputs.items():
        for key, item in value.items() if isinstance(value, Mapping) else [("", value)]:
            full, text = f"{name}.{key}" if key else name, str(item)
            stem, _, column = text.rpartition(":")
            if not os.path.exists(text) and stem and os.path.exists(stem):  # no error for a text that is no path
                flat[full], flat[f"{full}.column"] = stem, column
            else:
                flat[full] = text
    return flat


def plan(
    method: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    preset: str = "default",
    options: FitOptions | Mapping[str, Any] | None = None,
    start: Path | str | None = None,
) -> Job:
    """Check a request without doing it: method, configuration, inputs, options."""
    found = load_method(method)
    checked = check_inputs(found.card, inputs or {})
    chosen = options if isinstance(options, FitOptions) else FitOptions.parse(options or {}, source="options")
    for name in ("motifs", "test_ids"):
        path = getattr(chosen, name)
        if path is not None and not path.is_file():
            raise UsageError("no such file", where=f"--{name.replace('_', '-')}", got=path, expected="a file")
    if chosen.motifs is not None:
        from chiasma.io.meme import read_meme

        read_meme(chosen.motifs)
    if start is not None:
        check_start(found, start)
    if adapts(checked) and chosen.tries > 1:
        raise UsageError(
            "configurations cannot be chosen between where real windows are adapted to: of these no answer is known",
            where="--tries",
            got=chosen.tries,
            expected="1",
            do="choose one by a fit without --adapt",
        )
    settings: Any = found.configure(config, preset=preset)
    if not adapts(checked):
        refuse_idle_settings(settings)
    if chosen.length is not None and found.card.data != "sequences":
        _refuse_length(found, settings, chosen.length)
    refuse_launcher(nodes=settings.training.nodes if found.card.contract == "task" else 1)
    return Job(found, settings, checked, chosen, None if start is None else Path(start))


def _refuse_length(method: Method, config: Config, length: int) -> None:
    """The option is of windows cut from sequences; what another method reads is as long as its own field says."""
    fields = config.model_dump()
    inner = [f"{name}.length" for name, value in fields.items() if isinstance(value, dict) and "length" in value]
    own = "length" if "length" in fields else next(iter(inner), "")
    raise UsageError(
        f"{method.name} cuts no windows from sequences",
        where="--length",
        got=length,
        do=f"leave it out: of {method.name}'s configuration it is 'chiasma fit {method.name} --{own} {length}'"
        if own
        else "leave it out",
    )


def fit(
    method: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: Path | str | None = None,
    config: Mapping[str, Any] | None = None,
    preset: str = "default",
    options: FitOptions | Mapping[str, Any] | None = None,
    start: Path | str | None = None,
    overwrite: bool = False,
) -> RunResult:
    """Fit a method on files and evaluate it beside the simple rivals.

    Args:
        method: name on the command line, for instance "cnn".
        inputs: the card's inputs by name; repeated ones as a mapping, {"view": {"mrna": FILE}}.
        output: the run folder; default runs/METHOD-HASH.
        config: fields of the method's configuration that differ from the preset.
        preset: one of the method's presets.
        options: seed, split, device, rivals, explanation (`FitOptions`).
        start: a run, a folder of weights, or the name of published ones to fine-tune from.
        overwrite: replace a run with another configuration.

    Raises:
        UsageError, InputError, RunError: see chiasma.core.errors.
    """
    job = plan(method, inputs, config=config, preset=preset, options=options, start=start)
    return carry_out(job, Path(output) if output is not None else job.default_output(), overwrite=overwrite)


def carry_out(job: Job, output: Path, *, overwrite: bool = False, rivals_from: Path | None = None) -> RunResult:
    """Do, resume or recognise a planned fit.

    Args:
        job: what to do.
        output: the run folder.
        overwrite: replace another run there.
        rivals_from: a folder that holds the rivals' scores on the same split, so that they are fitted once.
    """
    run = RunFolder.open(output, identity=job.identity(), overwrite=overwrite)
    state = run.state
    if state == "resumed":
        _say(f"resuming {run.work}")
    if state != "complete":
        try:
            _stages(job, run, rivals_from)
            run.finish()
        except (InputError, UsageError):
            run.discard()
            raise
        finally:
            run.release()
    return read_run(run.path, state=state)


def read_run(path: Path, *, state: str = "complete") -> RunResult:
    """The result of a complete run folder."""
    metrics = read_json(path / "metrics.json")
    verdict = read_json(path / "compare.json")["verdict"] if (path / "compare.json").exists() else "not compared"
    report = path / "report.html"
    return RunResult(path, state, verdict, metrics, report if report.exists() else None)


def _stages(job: Job, run: RunFolder, rivals_from: Path | None) -> None:
    if not (run.work / "provenance.json").exists():
        write_json(run.work / "provenance.json", provenance({**flatten_inputs(job.inputs), **job.config.named_files()}))
        write_text(run.work / "config.toml", _config_text(job))
    simulated = job.method.card.data == "simulations" and not job.inputs
    _say("laying out simulations" if simulated else f"reading {', '.join(job.inputs)}")
    prepared = prepare(job.method.card, job.config, job.inputs, job.options)
    for remark in reading_remarks(prepared.dataset):
        _say(remark)
    if prepared.real is not None and not run.done("split"):
        _write_real(prepared.real, run.work)
    if not run.done("split"):
        with run.stage("split"):
            _write_split(prepared, run.work)
    _audit_stage(job, prepared, run)
    fitted = _training_stage(job, prepared, run)
    _evaluation_stage(job, prepared, fitted, run, rivals_from)
    if prepared.real is not None and not run.done("adapt"):
        from chiasma.workflow.fitting.adapting import judge_adaptation

        with run.stage("adapt"):
            judge_adaptation(fitted, prepared, job.options, folder=run.work)
    if job.method.card.data == "simulations" and not run.done("simulations"):
        from chiasma.workflow.fitting.simulations_kept import keep_simulations

        with run.stage("simulations"):
            keep_simulations(fitted, prepared, job.options, folder=run.work)
    if job.method.card.data == "pair" and not run.done("integrate"):
        from chiasma.workflow.fitting.integrating import integrate

        with run.stage("integrate"):
            _say("aligning the query")
            integrate(fitted, job.inputs, folder=run.work)
    if hasattr(fitted.model, "conclude") and not run.done("infer"):
        from chiasma.workflow.fitting.inferring import infer

        with run.stage("infer"):
            _say("simulating data sets for posteriors")
            infer(fitted, prepared, job.options, folder=run.work)
    if job.options.explain and not run.done("explain"):
        from chiasma.workflow.explaining.interpret import interpret

        with run.stage("explain"):
            _say("explaining")
            interpret(fitted, prepared, job.options, folder=run.work / "explain")
    from chiasma.workflow.documenting import document

    document(job, prepared, run)


def _write_split(prepared: Prepared, folder: Path) -> None:
    from chiasma.split.table import write_split

    write_split(folder / "split.parquet", prepared.split)
    sizes = ", ".join(f"{name} {count:,}" for name, count in prepared.split.sizes().items())
    _say(f"split by {prepared.split.kind}: {sizes}")
    for warning in prepared.split.warnings:
        _say(f"warning: {warning}")


def _write_real(real: Prepared, folder: Path) -> None:
    """Name the real windows that are adapted to, and those held out."""
    from chiasma.split.table import write_split

    write_split(folder / "adaptation.parquet", real.split)
    proof = real.split.proof
    sizes = ", ".join(f"{name} {count:,}" for name, count in proof["sizes"].items())
    _say(f"real windows of {proof['file']}: {sizes}; adapted to {proof['adapted_to']}, measured on {proof['measured']}")
    apart = " and ".join(f"{proof['apart'][name]:,} of {name}" for name in proof["apart"])
    _say(f"windows that share no base with another: at most {apart}")
    for remark in (*map(str, real.dataset.skips), *(f"warning: {text}" for text in real.split.warnings)):
        _say(remark)


def _audit_stage(job: Job, prepared: Prepared, run: RunFolder) -> None:
    if run.done("audit"):
        return
    from chiasma.audit.audit import audit, collect
    from chiasma.workflow.auditing.audit import from_ancestors

    with run.stage("audit"):
        found = audit(of_examples(prepared.dataset), prepared.split, seed=job.options.seed)
        if job.start is not None:
            found = collect([*found.findings, *from_ancestors(job.start, prepared.dataset, prepared.split)])
        write_json(run.work / "audit.json", found.to_dict())
    _say(f"audit: {found.verdict}")


def _training_stage(job: Job, prepared: Prepared, run: RunFolder) -> Fitted:
    if run.done("fit"):
        return load_fitted(run.work)
    from chiasma.workflow.fitting.training import train_method

    with run.stage("fit"):
        _say(f"fitting {job.method.name}")
        fitted, cost = train_method(job.method, job.config, prepared, job.options, folder=run.work, start=job.start)
        if job.method.card.data == "simulations" and not job.inputs.get("fvec"):
            fitted.meta["mask"] = mask_of_fit(job.config, job.inputs)
        if prepared.real is not None and job.config.model_dump()["adaptation"]["weight"] > 0:
            from chiasma.workflow.fitting.adapting import adaptation_facts

            fitted.meta["adaptation"] = adaptation_facts(prepared.real)
        fitted.save(run.work)
        write_json(run.work / "cost.json", cost)
    return fitted


def _evaluation_stage(job: Job, prepared: Prepared, fitted: Fitted, run: RunFolder, rivals_from: Path | None) -> None:
    if run.done("evaluate"):
        return
    if job.method.card.data == "pair" and prepared.dataset.target.kind == "none":
        return  # how the sets mix is measured where the query is aligned
    from chiasma.workflow.evaluating.evaluate import cross_validation, evaluate
    from chiasma.workflow.fitting.opponents import Opponents, face_rivals

    if prepared.dataset.target.kind == "none":
        from chiasma.workflow.evaluating.factors import evaluate_factors

        with run.stage("evaluate"):
            evaluate_factors(fitted, prepared, job.options, folder=run.work)
        return
    if job.method.card.data == "tracks":
        from chiasma.workflow.evaluating.tracks import evaluate_tracks

        with run.stage("evaluate"):
            evaluate_tracks(fitted, prepared, job.options, card_rival=job.method.card.rival, folder=run.work)
        return
    matrix = job.method.card.contract == "estimator" or job.method.card.represents
    if matrix and not run.done("cross-validate"):
        with run.stage("cross-validate"):
            cross_validation(fitted, prepared, job.options, folder=run.work)
    opponents = Opponents({}, {})
    if job.options.rivals:
        with run.stage("rivals"):
            _say("fitting the simple rivals")
            if rivals_from is not None:
                for name in ("rivals.npz", "rivals.json"):
                    shutil.copyfile(rivals_from / name, run.work / name)
            card_rival, named = job.method.card.rival, job.named_rivals
            facing: dict[str, Any] = {"card_rival": card_rival, "named": named, "out_of_fold": matrix}
            opponents = face_rivals(prepared, job.options, **facing, folder=run.work)
    with run.stage("evaluate"):
        if job.method.card.locates:
            from chiasma.workflow.evaluating.located import evaluate_located

            return evaluate_located(fitted, prepared, opponents, job.options, folder=run.work)
        evaluate(fitted, prepared, opponents, job.options, folder=run.work)


def _config_text(job: Job) -> str:
    return dump_toml(
        {
            "method": job.method.name,
            "inputs": plain(job.inputs),
            "start": None if job.start is None else str(job.start),
            "options": job.options.model_dump(mode="json"),
            "config": job.config.model_dump(mode="json"),
        }
    )


def _say(text: str) -> None:
    """One line of progress, on stderr."""
    print(text, file=sys.stderr, flush=True)
