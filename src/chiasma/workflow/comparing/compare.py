"""`compare`: several methods and the simple rivals on one split, the same seeds, paired differences, a verdict."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.cards import find_card
from chiasma.core.errors import MismatchError, UsageError
from chiasma.core.files import read_json, write_json
from chiasma.data.matrix import Views
from chiasma.fit.contracts import STUDY
from chiasma.run.folder import require_run
from chiasma.workflow.comparing.folds import compare_folds
from chiasma.workflow.evaluating.evaluate import TestPart, read_test
from chiasma.workflow.fitting.fit import Job, carry_out, plan
from chiasma.workflow.fitting.options import FitOptions
from chiasma.workflow.loading.adaptation import ADAPT
from chiasma.workflow.loading.prepare import prepare


@dataclass(frozen=True)
class Comparison:
    """What was compared, where it is written, and the outcome; `folds` is that of repeated cross-validation and
    `stability` that over seeds and subsamples, if any.
    """

    path: Path
    verdict: str
    primary: str
    table: list[dict[str, Any]]
    pairs: list[dict[str, Any]]
    report: Path | None
    folds: dict[str, Any] | None = None
    stability: list[dict[str, Any]] = field(default_factory=list)


def compare(
    methods: Sequence[str],
    inputs: Mapping[str, Any] | None = None,
    *,
    output: Path | str,
    presets: str = "default",
    options: FitOptions | Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Comparison:
    """Fit several methods on one split beside the rivals, or compare complete runs on the same test examples.

    Args:
        methods: METHOD, METHOD:PRESET, METHOD@VIEW or METHOD:PRESET@VIEW+VIEW, or paths of complete runs (then `inputs`
            is not used). With @, of several views only those are learnt from; a method of one matrix without it takes
            all views side by side.
        inputs: as for fit.
        output: a folder that will hold one run a method and compare.json.
        presets: the preset of methods that name none. Every network gets as many tries as `options` say; the rivals
            choose the strength of their penalty inside the training part, which is said in compare.json.
        options: shared by all.
        overwrite: replace runs of another configuration.
    """
    output = Path(output)
    chosen = options if isinstance(options, FitOptions) else FitOptions.parse(options or {}, source="options")
    _require_comparison(output)
    if len(set(methods)) != len(methods):
        raise UsageError("a method is named twice", got=" ".join(methods))
    alike: list[dict[str, Any]] = []
    if all((Path(name) / "run.json").exists() for name in methods):
        runs = [require_run(name) for name in methods]
    else:
        if any(find_card(_method_of(name)).transductive for name in methods):
            chosen = chosen.replace(undivided=True)
        if any(find_card(_method_of(name)).partial for name in methods) and not all(map(_takes_partial, methods)):
            chosen = chosen.replace(complete=True)  # all methods and rivals have the same samples
        _require_kind(methods)
        given = {name: _inputs_of(name, methods, inputs or {}) for name in methods}
        jobs = {name: _plan(name, given[name], presets, chosen) for name in methods}
        if any(job.method.card.data == "tracks" for job in jobs.values()):
            from chiasma.workflow.comparing.tracks import fit_tracks

            runs = fit_tracks(jobs, output, overwrite=overwrite)
        else:
            runs = _fit_all(jobs, output, overwrite=overwrite)
        alike = _stability(jobs, chosen) if chosen.stability else []
    return compare_runs(runs, output=output, draws=chosen.draws, stability=alike)


def _stability(jobs: Mapping[str, Job], options: FitOptions) -> list[dict[str, Any]]:
    """How alike the factors of each method are over seeds and over subsamples, as rows.

    Methods that read all views, apart or side by side, are measured in one space: all views, each of the same weight.
    `measured in` says so of each row.

    Raises:
        UsageError: a method has a target here.
    """
    from chiasma.workflow.evaluating.layout_stability import layout_stability

    found: list[dict[str, Any]] = []
    everyone = {
        name: prepare(job.method.card, job.config, job.inputs, job.options).dataset for name, job in jobs.items()
    }
    whole = next((everyone[name].x for name, job in jobs.items() if _reads_all_views(job)), None)
    for name, job in jobs.items():
        data = everyone[name]
        if data.target.kind != "none":
            do = "leave the labels out, or add --undivided"
            raise UsageError("stability is of methods without a target", where="--stability", got=name, do=do)
        print(f"stability of {name}", file=sys.stderr)
        own = {job.method.name: job.config.model_dump()}
        seeds = range(options.seed, options.seed + options.stability)
        measured: Any = data.x if job.options.views or whole is None else whole
        table = layout_stability(
            [job.method.name], data, seeds=seeds, configs=own, measured=measured, device=options.device
        )
        rows = table.to_dict("records")
        about = {"method": name, "measured in": _space(job, measured)}
        found += [{str(key): value for key, value in row.items()} | about for row in rows]
    return found


def _reads_all_views(job: Job) -> bool:
    return job.method.card.data == "views" and not job.options.views


def _space(job: Job, measured: Any) -> str:
    """What neighbourhoods are compared in, in words."""
    views = job.options.views or tuple(job.inputs.get("view") or ())
    named = " + ".join(sorted(views)) or "all features"
    weight = "view" if isinstance(measured, Views) else "feature"
    return named if len(views) == 1 else f"{named}, each {weight} alike"


def _inputs_of(name: str, methods: Sequence[str], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of one method: studies are left out where it takes no notice of them, and another does."""
    takes = {one: any(port.name == STUDY for port in find_card(_method_of(one)).inputs) for one in methods}
    return {key: value for key, value in inputs.items() if key != STUDY or takes[name] or not any(takes.values())}


def _method_of(name: str) -> str:
    return name.partition("@")[0].partition(":")[0]


def _takes_partial(name: str) -> bool:
    """Whether METHOD:PRESET@VIEWS learns from samples that lack a view; such a one may have no value in VIEWS."""
    return find_card(_method_of(name)).partial and "@" not in name


def _plan(name: str, inputs: Mapping[str, Any] | None, presets: str, options: FitOptions) -> Job:
    """The fit that METHOD:PRESET@VIEWS asks for."""
    words, _, views = name.partition("@")
    method, preset = _method_of(name), words.partition(":")[2]
    chosen = options.replace(views=tuple(views.split("+"))) if views else options
    return plan(method, inputs, preset=preset or presets, options=chosen)


def _fit_all(jobs: Mapping[str, Job], output: Path, *, overwrite: bool) -> list[Path]:
    """Fit every method; the rivals once, beside one that learns from all views, and in its folds."""
    leading = min(jobs, key=lambda name: (bool(jobs[name].options.views), jobs[name].method.card.data == "matrix"))
    named = tuple(sorted({job.method.card.rival for job in jobs.values()}))
    done: dict[str, Path] = {}
    for name in [leading, *[name for name in jobs if name != leading]]:
        print(f"--- {name}", file=sys.stderr)
        folder = output / name.replace(":", "-").replace("@", "-")
        job = replace(jobs[name], named_rivals=named)
        done[name] = carry_out(job, folder, overwrite=overwrite, rivals_from=done.get(leading)).path
    job = jobs[leading]
    if job.options.rivals and job.method.card.contract != "task":
        from chiasma.workflow.comparing.folds import cross_validate_rivals

        prepared = prepare(job.method.card, job.config, job.inputs, job.options)
        cross_validate_rivals(prepared, job.options, named=named, folder=output)
    return [done[name] for name in jobs]


def compare_runs(
    runs: Sequence[Path], *, output: Path, draws: int = 1000, stability: Sequence[Mapping[str, Any]] = ()
) -> Comparison:
    """Compare complete runs that share their test examples, and the rivals they were fitted beside.

    `stability` has rows of `layout_stability`, where there is no target.

    Raises:
        MismatchError: the runs were tested on different examples.
    """
    from chiasma.stats.bootstrap import bootstrap
    from chiasma.stats.compare import compare_all

    cards = [read_json(run / "provenance.json")["card"] for run in runs]
    if any(card["data"] == "tracks" or card.get("locates") for card in cards):
        return _compare_along(runs, output, draws, tracks=any(card["data"] == "tracks" for card in cards))
    about = read_json(runs[0] / "provenance.json")
    if about["target"]["kind"] == "none" and about["card"]["data"] == "pair":
        from chiasma.workflow.comparing.alignments import compare_alignments

        return compare_alignments(runs, output=output)
    if about["target"]["kind"] == "none":
        from chiasma.workflow.comparing.factors import compare_factors

        return compare_factors(runs, output=output, draws=draws, stability=stability)
    first, _ = read_test(runs[0])
    tries = max(len(read_json(run / "cost.json").get("tries", [0])) for run in runs)
    scores, rivals, cost, negatives = _gather(runs, first)
    everyone = {**scores, **rivals}
    common: dict[str, Any] = {"unit_name": first.unit_name, "seed": first.seed, "draws": draws}
    pairs = compare_all(first.target, everyone, first.unit, **common)
    sentences = _sentences(pairs, list(scores), list(rivals), negatives)
    table = []
    for name, values in everyone.items():
        found = bootstrap(first.target, values, first.unit, **common)
        row = {metric: estimate.to_dict() for metric, estimate in found.items()}
        table.append({"name": name, "rival": name in rivals, **row, **cost.get(name, {})})
    primary = read_json(runs[0] / "metrics.json")["primary"]
    described = [pair.to_dict() for pair in pairs]
    record: dict[str, Any] = {"primary": primary, "table": table, "pairs": described}
    folds = compare_folds(dict(zip(scores, runs, strict=True)), folder=output)
    if folds is not None:
        sentences.insert(0, folds["verdict"])
        record["cross_validation"] = folds
    text = " ".join(sentences)
    write_json(output / "compare.json", {"verdict": text, **record, "tuning": TUNING.format(tries=tries)})
    from chiasma.report.page import write_side_by_side

    page = write_side_by_side(list(runs), output / "report.html")
    return Comparison(output, text, primary, table, described, page, folds)


TUNING = (
    "{tries} configuration(s) of each network were tried and the best on the valid part kept; each rival chose the "
    "strength of its penalty inside the training part."
)


def _require_kind(methods: Sequence[str]) -> None:
    """Networks of tracks stand beside networks of tracks alone: the others have examples, not bins."""
    without = [name for name in methods if find_card(_method_of(name)).data != "tracks"]
    if without and len(without) < len(methods):
        raise UsageError(
            "networks of tracks are compared with each other",
            got=f"{', '.join(without)} among them",
            expected="methods that give tracks along windows",
        )


def _sentences(pairs: Sequence[Any], methods: list[str], rivals: list[str], negatives: str | None) -> list[str]:
    """What may be said of the methods among themselves, and of each beside the rivals."""
    from chiasma.stats.compare import against_best, verdict

    sentences = []
    if rivals:
        sentences = [verdict(pairs, network=name, rivals=rivals, negatives=negatives) for name in methods]
    if len(methods) > 1:
        ahead = _order(pairs, methods)
        best = against_best(pairs, ahead[0], ahead[1:])
        gap = best.difference
        clear = "ahead of" if gap.low * gap.high > 0 else "not distinguishable from"
        figures = f"difference {gap.value:+.3f}, 95 % interval {gap.low:+.3f} to {gap.high:+.3f}"
        sentences.insert(0, f"Among the methods, {ahead[0]} is {clear} {best.b} ({figures}).")
    return sentences


def _compare_along(runs: Sequence[Path], output: Path, draws: int, *, tracks: bool) -> Comparison:
    """Networks of tracks, on the bins that all of them hold out; methods that draw intervals, on their chromosomes."""
    from chiasma.report.page import write_side_by_side
    from chiasma.workflow.comparing.located import compare_located
    from chiasma.workflow.comparing.tracks import compare_tracks

    output.mkdir(parents=True, exist_ok=True)
    record, pairs, names = (compare_tracks if tracks else compare_located)(runs, output=output, draws=draws)
    rivals = [row["name"] for row in record["table"] if row["rival"]]
    text = " ".join(_sentences(pairs, names, rivals, None))
    tries = max(len(read_json(run / "cost.json").get("tries", [0])) for run in runs)
    write_json(output / "compare.json", {"verdict": text, **record, "tuning": TUNING.format(tries=tries)})
    page = write_side_by_side(list(runs), output / "report.html")
    return Comparison(output, text, record["primary"], record["table"], record["pairs"], page)


def _require_comparison(output: Path) -> None:
    """Refuse a folder that is neither new nor a comparison: nothing of the user's is written over."""
    if (output / "run.json").exists() or (output.exists() and not output.is_dir()):
        raise UsageError(
            "exists and is not a comparison", where=output, expected="a new folder", do="choose another -o"
        )
    if not output.is_dir() or (output / "compare.json").exists():
        return
    ours = (".partial", "rivals_folds.json", "rivals_folds.npz", "test_windows.txt")
    if any(not path.name.endswith(ours) and not (path / "run.json").exists() for path in output.iterdir()):
        raise UsageError(
            "exists and is not a comparison", where=output, expected="a new folder", do="choose another -o"
        )


def require_same(first: Path, other: Path) -> None:
    """Two runs may be compared if they read the same inputs with the same seed and divided them the same way."""
    from chiasma.split.table import read_split

    one, two = (read_json(run / "run.json")["identity"] for run in (first, other))
    # windows without labels that one of them was adapted to are no examples of either
    inputs = [name for name in one["inputs"] if name.partition(".")[0] != STUDY and not name.startswith(ADAPT)]
    differing = [f"input {name}" for name in inputs if one["inputs"][name] != two["inputs"].get(name)]
    differing += ["seed"] if one["options"]["seed"] != two["options"]["seed"] else []
    here, there = (read_split(run / "split.parquet") for run in (first, other))
    if not (np.array_equal(here.ids, there.ids) and np.array_equal(here.part, there.part)):
        differing.append("division into parts")
    if differing:
        raise MismatchError(
            "the runs were not fitted and tested on the same examples",
            where=f"{first} and {other}",
            got="different " + ", ".join(differing),
            expected="the same inputs, --split and --seed",
            do="fit them again alike, or give compare the methods and the data",
        )


def _gather(
    runs: Sequence[Path], first: TestPart
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, Any], str | None]:
    """Scores of each run by name, scores of the rivals, costs, and what the negatives were."""
    scores: dict[str, np.ndarray] = {}
    rivals: dict[str, np.ndarray] = {}
    cost: dict[str, Any] = {}
    negatives = None
    methods = [read_json(run / "compare.json")["method"] for run in runs]
    for run in runs:
        test, own = read_test(run)
        require_same(runs[0], run)
        record = read_json(run / "compare.json")
        views = read_json(run / "run.json")["identity"]["options"].get("views")
        name = record["method"] if methods.count(record["method"]) == 1 and not views else run.name
        scores[name] = own
        rivals |= test.rivals
        cost |= {name if key == record["method"] else key: value for key, value in record["cost"].items()}
        negatives = read_json(run / "metrics.json").get("negatives", negatives)
    return scores, rivals, cost, negatives


def _order(pairs: Sequence[Any], names: list[str]) -> list[str]:
    """Names from best to worst on the metric compared."""
    from chiasma.metrics.score import higher_is_better

    values = {pair.a: pair.value_a for pair in pairs} | {pair.b: pair.value_b for pair in pairs}
    sign = -1 if higher_is_better(pairs[0].metric) else 1
    return sorted(names, key=lambda name: sign * values[name])
