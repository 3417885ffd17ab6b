"""What a scored VCF was made of, and whether it is there already."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from chiasma.core.errors import UsageError
from chiasma.core.files import content_hash, read_json, text_hash
from chiasma.core.provenance import versions
from chiasma.workflow.variants.chunks import IN_MEMORY
from chiasma.workflow.variants.scores import Plan
from chiasma.workflow.weights.catalogue import named_weights


def work_identity(
    plan: Plan, vcf: Path | str, *, conservation: Path | str | None, page: tuple[int, int]
) -> dict[str, Any]:
    """What makes this work this work: models, genome, variants, settings; `page` is rows and logos of the report."""
    known = asdict(replace(plan, models=(), fasta="", device="")) | {"vcf": content_hash(vcf)}
    known["models"] = [model_identity(model) for model in plan.models]
    known["conservation"] = content_hash(conservation) if conservation else ""
    known |= {"page": page, "version": versions().get("chiasma", "")}
    return {"hash": text_hash(repr(sorted(known.items()))), "models": known["models"]}


def model_identity(model: Any) -> str:
    """A model's name with the content of its files; a model in memory has a name alone."""
    if not isinstance(model, (str, Path)):
        return f"{getattr(model, '__name__', type(model).__name__)}{IN_MEMORY}"
    read = [path for path in _files(str(model)) if path.is_file()]
    return " ".join([str(model), *(content_hash(path)[:16] for path in read)])


def _files(model: str) -> tuple[Path, ...]:
    """What the predictions of a MODEL depend on: FILE.py, a run's weights and their facts, or published weights."""
    if named := named_weights(model):
        return named[0].files
    path = Path(model if Path(model).exists() else model.rpartition(":")[0])
    return (path / "model.safetensors", path / "model.json") if path.is_dir() else (path,)


def done_before(output: Path, identity: dict[str, Any], *, overwrite: bool) -> dict[str, Any] | None:
    """The facts of the same work, if it was done before.

    Raises:
        UsageError: the output holds something else.
    """
    record = beside(output, ".json")
    if overwrite or not output.exists():
        return None
    found = read_json(record) if record.exists() else {}
    if found.get("identity") == identity and not any(name.endswith(IN_MEMORY) for name in identity["models"]):
        return found | {"state": "complete"}
    raise UsageError(
        "the output is there, of other inputs or settings" if found else "the output is there, and not of this command",
        where=output,
        do="choose another name with -o, or give --overwrite",
    )


def beside(output: Path, suffix: str) -> Path:
    """OUT with another ending."""
    return output.with_name(output.name.removesuffix(".gz").removesuffix(".bgz").removesuffix(".vcf") + suffix)
