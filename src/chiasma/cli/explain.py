"""chiasma explain MODEL INPUT -o FOLDER"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from chiasma.cli.output import emit
from chiasma.core.errors import UsageError


def register(app: App, arguments: list[str]) -> None:
    """Add the verb."""
    del arguments
    app.command(explain, name="explain")


def explain(
    model: str,
    data: str | None = None,
    /,
    *,
    fasta: Path | None = None,
    samples: str | None = None,
    motifs: Path | None = None,
    output: Annotated[Path, Parameter(name=("--output", "-o"))] = Path("explain"),
    target: str | None = None,
    method: Literal["auto", "deep-lift-shap", "integrated-gradients", "ism", "saliency", "input-x-gradient"] = "auto",
    region: str | None = None,
    examples: int = 2000,
    seconds: float = 150,
    seed: int = 1,
    json: bool = False,
) -> None:
    """Why a fitted model says what it says: attributions and motifs of sequences, loadings of matrices, hidden units.

    Args:
        model: a run folder, a folder of weights, published NAME (each with :HEAD of several), or FILE.py:FUNCTION for
            a network of your own.
        data: sequences to explain (FASTA, or BED with --fasta), or genotypes; not needed for loadings, nor for hidden
            units, which are then told on simulations.
        fasta: the genome, for BED.
        samples: sample table F[:COLUMN[=VALUE]] for genotypes.
        motifs: MEME file to name what is found.
        output: folder to write.
        target: name of the output explained; default the last class, or the first of other outputs.
        method: of attribution; auto is DeepLIFT/SHAP where its rules cover the model, else integrated gradients.
        region: FIRST:LAST, positions of what the model reads that are explained (0-based, LAST not among them); of long
            windows mutagenesis is exact and affordable this way.
        examples: most sequences to attribute.
        seconds: longest time for motif discovery.
        seed: root of all randomness.
        json: print where it was written as JSON.
    """
    from chiasma.workflow.explaining.explain import explain as run_explain
    from chiasma.workflow.explaining.interpret import Explained
    from chiasma.workflow.fitting.options import FitOptions

    given = {"seed": seed, "motifs": motifs, "explain_examples": examples, "explain_seconds": seconds}
    options = FitOptions.parse(given, source="explain")
    how = Explained(method, None if region is None else _region(region))
    inputs = {} if data is None else {"input": data, "fasta": fasta, "samples": samples}
    folder = run_explain(model, inputs, output=output, options=options, target=target, how=how)
    emit({"folder": folder}, f"explanation in {folder}", as_json=json)


def _region(text: str) -> tuple[int, int]:
    """Two whole numbers from FIRST:LAST; commas may divide thousands."""
    first, _, last = text.replace(",", "").partition(":")
    if not (first.isdigit() and last.isdigit()):
        do = "give two positions of the window that the model reads"
        raise UsageError("not a region", where="--region", got=text, expected="FIRST:LAST, such as 98304:98504", do=do)
    return int(first), int(last)
