"""Write an explanation into a folder: arrays as .npz, tables as TSV, motifs in MEME format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chiasma.core.files import atomic_write, write_json, write_text
from chiasma.data.motif import Motif
from chiasma.explain.match import Match
from chiasma.explain.profile import Word, find_words, position_profile, sentence
from chiasma.explain.pwm import DiscoveredMotif
from chiasma.explain.seqlets import SHORTEST, recursive_seqlets
from chiasma.explain.sequence_report import ExplainResult
from chiasma.io.meme import write_meme

_MOTIF_COLUMNS = ("motif", "n_seqlets", "consensus", "source", "match", "q", "p", "strand", "offset", "overlap")


def write_explanation(
    folder: Path | str, result: ExplainResult, *, origin: int = 0, words: Mapping[str, Word] | None = None
) -> list[str]:
    """Write attributions.npz, motifs.tsv, motifs.meme, position_profile.tsv, seqlets.tsv and notes.json.

    Models that show their attention get attention.tsv too.

    Args:
        folder: made if absent.
        result: what to write.
        origin: 0-based position that the profile calls 0.
        words: DNA words by name to look for in the attribution; the findings go to notes.json.

    Returns:
        names of the files written.
    """
    folder = Path(folder)
    found = result.attribution
    arrays = {"codes": found.codes, "scores": found.scores, "output": found.output}
    arrays |= {"ids": found.ids.astype(str), "completeness_error": found.completeness_error}
    arrays |= {"method": np.array(found.method), "target": np.array(found.target)}
    if found.hypothetical is not None:
        arrays["hypothetical"] = found.hypothetical.astype(np.float16)
    with atomic_write(folder / "attributions.npz", "wb") as handle:
        np.savez_compressed(handle, **arrays)  # type: ignore[arg-type]
    write_text(folder / "motifs.tsv", _tsv(_MOTIF_COLUMNS, motif_rows(result.motifs, result.matches)))
    motifs = [Motif(one.name, one.probabilities, one.consensus, one.n_seqlets) for one in result.motifs]
    write_meme(folder / "motifs.meme", motifs)
    profile = position_profile(found.scores, origin=origin)
    write_text(folder / "position_profile.tsv", _tsv(tuple(profile), zip(*profile.values())))
    without = found.method == "saliency" or found.codes.shape[1] < SHORTEST
    seqlets = [] if without else recursive_seqlets(found.scores, known=found.codes < 4)
    rows = [(found.ids[s.row], s.start, s.end, s.attribution, s.p) for s in seqlets]
    write_text(folder / "seqlets.tsv", _tsv(("id", "start", "end", "attribution", "p"), rows))
    notes = dict(result.notes) | {"n_motifs": len(result.motifs), "n_seqlets": len(seqlets)}
    if words:
        findings = find_words(found.codes, found.scores, words, origin=origin)
        notes["words"] = [asdict(item) | {"sentence": sentence(item)} for item in findings]
    write_json(folder / "notes.json", notes)
    written = ["attributions.npz", "motifs.tsv", "motifs.meme", "position_profile.tsv", "seqlets.tsv", "notes.json"]
    if result.attention:
        write_text(folder / "attention.tsv", _tsv(tuple(result.attention), zip(*result.attention.values())))
        written.append("attention.tsv")
    return written


def motif_rows(motifs: Sequence[DiscoveredMotif], matches: Sequence[Sequence[Match]]) -> list[tuple[Any, ...]]:
    """One row a motif with its best match, in the order of the motifs."""
    rows = []
    for motif, found in zip(motifs, matches):
        row: tuple[Any, ...] = (motif.name, motif.n_seqlets, motif.consensus, motif.source)
        best = found[0] if found else None
        rest = ("", "", "", "", "", "")
        rows.append(
            row + (rest if best is None else (best.match, best.q, best.p, best.strand, best.offset, best.overlap))
        )
    return rows


def _tsv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    return "\n".join(["\t".join(columns), *["\t".join(_cell(item) for item in row) for row in rows]]) + "\n"


def _cell(item: Any) -> str:
    if isinstance(item, (float, np.floating)):
        return f"{float(item):.6g}"
    return str(item)
