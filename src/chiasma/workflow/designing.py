"""`design`: sequences evolved towards what a model calls active, under rules, and a second model's opinion of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from chiasma.core.errors import UsageError, unknown_name
from chiasma.core.files import write_json, write_text
from chiasma.core.rng import generator
from chiasma.data.dataset import Dataset
from chiasma.data.sequences import Sequences, decode, encode
from chiasma.workflow.model import OwnModel, resolve_model
from chiasma.workflow.predicting.predict import read_new


@dataclass(frozen=True)
class DesignOptions:
    """How sequences are designed.

    Attributes:
        aim: raise or lower the output, or a number to come close to.
        target: name of the output; None is the last class, or the first of other outputs.
        second_target: of the second model; None is the output of the same name, else its default.
        search: greedy, beam or gradient.
        steps: most edits of a sequence (gradient: ten times as many steps, then as many edits).
        width: of the beam.
        gc: least and most GC content.
        longest_run: most equal bases in a row; None is no limit.
        forbidden, required: words of A, C, G and T, on either strand.
        starts: sequences evolved; the first of those given, or so many drawn at random.
        length: of random ones; None is the length that the model reads.
        seed: root of all randomness.
    """

    aim: Literal["raise", "lower"] | float = "raise"
    target: str | None = None
    second_target: str | None = None
    search: Literal["greedy", "beam", "gradient"] = "greedy"
    steps: int = 20
    width: int = 5
    gc: tuple[float, float] = (0.0, 1.0)
    longest_run: int | None = None
    forbidden: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    starts: int = 10
    length: int | None = None
    seed: int = 1


def design(
    model: Any,
    inputs: Mapping[str, Any] | None = None,
    *,
    output: Path | str,
    options: DesignOptions | None = None,
    second: Any = None,
) -> dict[str, Any]:
    """Evolve sequences and write OUTPUT (FASTA), with the figures of each in a .tsv and all of it in a .json beside it.

    Args:
        model: a model of sequences (see `resolve_model`); its network's own output is sought: a logit, or a value.
        inputs: {"input": FILE} with sequences to begin with, "fasta" for BED; without it they are drawn at random.
        output: FASTA to write.
        options: aim, search, rules.
        second: a model that takes no part in the search and is asked at the end.

    Returns:
        what is written to the .json.

    Raises:
        UsageError: not a model of sequences; no such output; rules that contradict each other.
    """
    from chiasma.explain.design import Aim, design as search

    options = options or DesignOptions()
    rules = _rules(options)
    fitted, data = _with_starts(model, inputs or {}, options)
    assert isinstance(data.x, Sequences)
    ids, codes = data.ids[: options.starts], data.x.padded(_length(fitted, data))[: options.starts]
    name = _output_name(fitted, options.target)
    aim = Aim(options.aim, fitted.target.names.index(name))
    found = search(
        fitted.callable(),
        codes,
        aim,
        constraints=rules,
        search=options.search,
        steps=options.steps,
        width=options.width,
        seed=options.seed,
    )
    rows = [
        {
            "id": f"{identifier}_designed",
            "start": str(identifier),
            "before": one.before,
            "after": one.after,
            "edits": one.n_edits,
            "problems": "; ".join(one.problems),
        }
        for identifier, one in zip(ids, found, strict=True)
    ]
    facts: dict[str, Any] = {"output": name, "aim": options.aim, "search": options.search, "designs": rows}
    facts |= {"n_scored": sum(one.n_scored for one in found), "n_with_problems": sum(bool(r["problems"]) for r in rows)}
    if second is not None:
        facts["second"] = _ask(second, data, found, aim, (options.second_target or name, options.second_target))
        for row, before, after in zip(rows, facts["second"].pop("before"), facts["second"].pop("after"), strict=True):
            row |= {"second_before": before, "second_after": after}
        if facts["second"]["warning"]:
            print(f"warning: {facts['second']['warning']}", file=sys.stderr, flush=True)
    _write(Path(output), facts, [decode(one.codes) for one in found])
    return facts


def _rules(options: DesignOptions) -> Any:
    from chiasma.explain.constraints import Constraints

    words = [tuple(encode(word) for word in group) for group in (options.forbidden, options.required)]
    return Constraints(gc=options.gc, longest_run=options.longest_run, forbidden=words[0], required=words[1])


def _with_starts(model: Any, inputs: Mapping[str, Any], options: DesignOptions) -> tuple[Any, Dataset]:
    """The model, and the sequences to begin with: as given, or drawn."""
    fitted = resolve_model(model)
    if options.starts < 1:
        raise UsageError(
            "no sequence to design", where="--starts", got=options.starts, expected="1 or more", do="give more"
        )
    with TemporaryDirectory(prefix="chiasma-design-") as folder:
        if not inputs.get("input"):
            path = Path(folder) / "random.fa"
            path.write_text(_drawn(fitted, options))
            inputs = {"input": path}
        data, _ = read_new(fitted, inputs, seed=options.seed)
    if not isinstance(data.x, Sequences):
        raise UsageError(
            "only models of sequences design",
            got=type(data.x).__name__,
            expected="a model of sequences",
            do="'chiasma list' says which methods read sequences",
        )
    return (fitted.measured(data) if isinstance(fitted, OwnModel) else fitted), data


def _drawn(fitted: Any, options: DesignOptions) -> str:
    """Random sequences as FASTA, each base as likely as the others."""
    read = fitted.length if isinstance(fitted, OwnModel) else int(fitted.meta.get("task", {}).get("length", 0))
    length = options.length or read
    if not length:
        raise UsageError(
            "the length of random sequences is not known", expected="a length", do="give --length, or sequences"
        )
    random = generator(options.seed, "design")
    rows = random.integers(0, 4, (options.starts, length)).astype(np.uint8)
    return "".join(f">random{number}\n{decode(row)}\n" for number, row in enumerate(rows, 1))


def _length(fitted: Any, data: Any) -> int:
    """Bases that a model reads."""
    return int(fitted.meta.get("task", {}).get("length", 0)) or int(data.x.lengths.max())


def _output_name(fitted: Any, name: str | None) -> str:
    names = list(fitted.target.names)
    if name is None:
        return names[-1] if fitted.target.kind in ("binary", "multiclass") else names[0]
    if name not in names:
        raise unknown_name("output of the model", name, names)
    return name


def _ask(second: Any, data: Any, found: list[Any], aim: Any, names: tuple[str, str | None]) -> dict[str, Any]:
    """A second model's scores of starts and designs, centred in as many bases as it reads."""
    from torch.nn.functional import pad

    from chiasma.explain.design import second_opinion

    other = resolve_model(second)
    other = other.measured(data) if isinstance(other, OwnModel) else other
    wanted, asked = names
    name = _output_name(other, wanted if wanted in other.target.names else asked)
    network, length = other.callable(), _length(other, data)
    missing = length - len(found[0].codes)
    opinion = second_opinion(
        network if not missing else lambda x: network(pad(x, (missing // 2, missing - missing // 2))),
        found,
        aim,
        target=other.target.names.index(name),
    )
    return {
        "model": str(getattr(other, "name", second)),
        "output": name,
        "before": opinion.before.tolist(),
        "after": opinion.after.tolist(),
        "median_gain": float(np.median(opinion.gain)),
        "median_searched_gain": float(np.median(opinion.searched_gain)),
        "median_gap": float(np.median(opinion.gap)),
        "warning": opinion.warning,
    }


def _write(output: Path, facts: dict[str, Any], texts: list[str]) -> None:
    rows = facts["designs"]
    lines = [f">{row['id']} before={row['before']:.6g} after={row['after']:.6g}\n{text}\n" for row, text in
             zip(rows, texts, strict=True)]  # fmt: skip
    write_text(output, "".join(lines))
    cells = [[f"{item:.6g}" if isinstance(item, float) else str(item) for item in row.values()] for row in rows]
    write_text(output.with_suffix(".tsv"), "\n".join("\t".join(row) for row in [list(rows[0]), *cells]) + "\n")
    write_json(output.with_suffix(".json"), facts)
