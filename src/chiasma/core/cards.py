"""Cards: what each method is, read from disk without importing the method."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

from chiasma.core.config import Config, read_toml
from chiasma.core.errors import unknown_name

METHODS_FOLDER = Path(__file__).resolve().parent.parent / "methods"


class Paper(Config):
    """The publication behind a method."""

    title: str
    authors: str = Field(description="BibTeX form: 'Last, First and Last, First'")
    year: int
    journal: str = ""
    doi: str = ""


class Port(Config):
    """One named input or output, with its axes and unit."""

    name: str = Field(description="the flag on the command line, or the column written")
    kind: str = Field(
        description="sequences | intervals | tracks | labels | matrix | genotypes | fasta | motifs | table"
    )
    axes: str = Field(default="", description="axis names of DESIGN.md, comma separated")
    unit: str = ""
    required: bool = False
    repeat: bool = Field(default=False, description="given several times as NAME=FILE")
    predict_only: bool = Field(default=False, description="read by predict; a fit would not look at it, and refuses")
    otherwise: str = Field(default="", description="input that is read in its place where it is not given")
    help: str = ""


class Parity(Config):
    """How closeness to the original was shown."""

    kind: Literal["random-weights", "published-weights", "recorded-output", "statistical", "none"]
    note: str = ""
    tolerance: str = ""
    date: str = ""


class Licences(Config):
    """Licences of the original's code and weights (ours is MIT)."""

    code: str
    weights: str = "none published"


class Card(Config):
    """Everything the command line, the docs, the citation and the report need to know of a method."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    wing: str
    title: str
    question: str = Field(description="the question it answers, in one sentence")
    contract: Literal["task", "estimator", "procedure"]
    data: Literal["sequences", "simulations", "matrix", "views", "pair", "tracks"] = Field(
        description="what kind of Dataset it takes"
    )
    targets: tuple[Literal["binary", "multiclass", "multilabel", "regression", "none"], ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    paper: Paper
    licences: Licences
    parity: Parity
    rival: str = Field(description="name of the simple rival that it must face")
    transductive: bool = Field(default=False, description="places the samples of its fit and no others")
    partial: bool = Field(default=False, description="learns from samples that some of the views did not measure")
    locates: bool = Field(
        default=False, description="its outputs are columns along a region: scores of the intervals drawn over them"
    )
    starts_from: tuple[str, ...] = Field(
        default=(), description="methods besides itself whose fitted weights a fit may begin with"
    )
    receptive_field: int | None = Field(default=None, description="positions one output sees at the default preset")
    parameters: dict[str, int] = Field(
        default_factory=dict, description="trainable parameters by preset, on examples.py"
    )
    invariances: tuple[str, ...] = ()
    cost: str = Field(default="", description="what bounds the run time, with a measured figure")
    status: Literal["stable", "experimental"] = "stable"

    @property
    def module(self) -> str:
        """Dotted name of the method's package."""
        return f"chiasma.methods.{self.wing}.{self.name.replace('-', '_')}"

    @property
    def represents(self) -> bool:
        """Whether the method learns factors of samples, with or without a target, instead of an answer."""
        return "none" in self.targets and self.data in ("matrix", "views") and self.contract != "task"


@cache
def list_cards(folder: Path = METHODS_FOLDER) -> tuple[Card, ...]:
    """All cards on disk, by wing and name."""
    cards = []
    for path in sorted(folder.glob("*/*/card.toml")):
        card = Card.parse(read_toml(path), source=f"{path.parent.parent.name}/{path.parent.name}/card.toml")
        cards.append(card)
    return tuple(sorted(cards, key=lambda card: (card.wing, card.name)))


def find_card(name: str, folder: Path = METHODS_FOLDER) -> Card:
    """The card of a method, or an error that names the nearest one."""
    cards = {card.name: card for card in list_cards(folder)}
    if name not in cards:
        raise unknown_name("method", name, cards)
    return cards[name]


def bibtex(card: Card) -> str:
    """The BibTeX entry of the card's paper."""
    paper = card.paper
    surname = re.split(r"[,\s]", paper.authors)[0].lower()
    fields = {"title": paper.title, "author": paper.authors, "year": str(paper.year)}
    fields |= {"journal": paper.journal, "doi": paper.doi}
    body = ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items() if value)
    return f"@article{{{surname}{paper.year}{card.name.replace('-', '')},\n{body}\n}}\n"
