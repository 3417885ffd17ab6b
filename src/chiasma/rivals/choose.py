"""Which simple rivals suit the data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chiasma.core.errors import UsageError, unknown_name
from chiasma.data.dataset import Dataset
from chiasma.data.matrix import Matrix, Views
from chiasma.data.sequences import Sequences
from chiasma.data.simulated import Simulated
from chiasma.data.tracks import Tracks
from chiasma.rivals.base import Rival
from chiasma.rivals.cells import cell_rivals
from chiasma.rivals.composition import Composition, Majority
from chiasma.rivals.gapped_kmer import GappedKmerLinear
from chiasma.rivals.grids import grid_rivals, is_grids, optional_grid_rivals
from chiasma.rivals.kmer import KmerLinear
from chiasma.rivals.matrix import matrix_rivals, optional_matrix_rivals
from chiasma.rivals.nearest import NearestNeighbour
from chiasma.rivals.tracks import track_rivals

OPTIONAL = {"nearest": NearestNeighbour}
"""Rivals for sequences that join only where a card names them."""


def rivals_for(
    data: Dataset, *, card_rival: str | None = None, named: Sequence[str] = (), motifs: Path | None = None
) -> list[Rival]:
    """The simple rivals to fit beside a method, unfitted, the simplest first.

    Args:
        data: the training examples; their type decides.
        card_rival: name of the rival on the method's card, which must be among them; it is added if it is optional.
            For tracks "-logistic" stands for "-linear".
        named: further rivals, of the cards of methods that are compared; those that such data do not have are left out.
        motifs: a MEME file; brings the best single motif.

    Raises:
        UsageError: the target is "none", motifs are given for data that are no sequences, or the card's rival does
            not exist for such data.
    """
    if data.target.kind == "none":
        raise UsageError("without a target there is nothing to rival", expected="labels or tracks")
    if motifs is not None and not isinstance(data.x, Sequences):
        raise UsageError("motifs are of use for sequences only", where="--motifs", got=type(data.x).__name__)
    own = isinstance(data.x, Tracks) or _along_chromosomes(data)  # what is said of every place is among theirs
    rivals = _of_kind(data, motifs) if own else [Majority(), *_of_kind(data, motifs)]
    names, optional = [rival.name for rival in rivals], _optional(data)
    asked = [name for name in (card_rival, *named) if name is not None]
    if data.target.kind == "regression":
        asked = [name.replace("logistic", "linear") for name in asked]
    if card_rival is not None and asked[0] not in names and asked[0] not in optional:
        raise unknown_name("rival", asked[0], [*names, *optional])
    return [*rivals, *[optional[name] for name in dict.fromkeys(asked) if name in optional]]


def _optional(data: Dataset) -> dict[str, Rival]:
    """Rivals that join only where a card names them."""
    if isinstance(data.x, Sequences):
        return {name: make() for name, make in OPTIONAL.items()}
    if is_grids(data):
        return optional_grid_rivals()
    return optional_matrix_rivals(data) if isinstance(data.x, Matrix | Views) else {}


def _along_chromosomes(data: Dataset) -> bool:
    """Whether the labels are columns along simulated chromosomes."""
    return isinstance(data.x, Simulated) and data.target.kind == "multilabel"


def _of_kind(data: Dataset, motifs: Path | None) -> list[Rival]:
    if isinstance(data.x, Sequences):
        form = "linear" if data.target.kind == "regression" else "logistic"
        words = [KmerLinear(name=f"kmer-{form}"), GappedKmerLinear(name=f"gapped-kmer-{form}")]
        found: list[Rival] = [Composition(), *words]
        if motifs is not None:
            from chiasma.rivals.pwm import BestMotif

            found.append(BestMotif.from_file(motifs))
        return found
    if is_grids(data):
        return grid_rivals()
    if isinstance(data.x, Tracks):
        return track_rivals()
    if _along_chromosomes(data):
        from chiasma.rivals.painted import painted_rivals

        return painted_rivals()
    if isinstance(data.x, Simulated):
        from chiasma.rivals.haplotypes import haplotype_rivals
        from chiasma.rivals.sweeps import sweep_rivals

        detects = data.target.kind == "binary" and "strength" in data.columns
        return [*haplotype_rivals(data), *(sweep_rivals() if detects else [])]
    if "set" in data.columns:  # two sets of cells
        return cell_rivals()
    return matrix_rivals(data)
