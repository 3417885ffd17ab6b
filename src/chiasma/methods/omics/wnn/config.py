"""Configuration of weighted nearest neighbours and its presets."""

from __future__ import annotations

from pydantic import Field, field_validator

from chiasma.core.config import Config as Base

KINDS = ("auto", "none", "scale", "log", "clr", "tfidf")


class Config(Base):
    """How each modality is reduced, how many neighbours are looked at, and how the joint graph is laid out."""

    normalise: str = Field(
        default="auto",
        description="of each view, one word or rna=log,adt=clr: log (counts to 10,000 a cell and log1p, variable "
        "features), clr (centred log-ratio of each cell, for proteins), tfidf (accessibility), scale, none (an "
        "embedding already); auto: log for counts of more than 200 features, clr for fewer, scale for other numbers",
    )
    dims: str = Field(
        default="30",
        description="principal components of each view, a number or rna=30,adt=18; 0 takes the values themselves",
    )
    variable_features: int = Field(default=2000, ge=2, description="most variable features kept of a view in log")
    neighbours: int = Field(
        default=20, ge=2, description="neighbours of a cell, itself included, and of the joint graph (Hao 2021)"
    )
    reach: int = Field(
        default=200, ge=1, description="neighbours in each view that are candidates for the joint graph (Hao 2021)"
    )
    ncomp: int = Field(default=10, ge=1, description="coordinates of the spectral layout of the joint graph")
    exact_up_to: int = Field(
        default=50_000, ge=0, description="cells up to which neighbours are exact; beyond, NN-descent and its recall"
    )
    random_state: int = Field(
        default=0, ge=0, description="root of the approximate search; exact neighbours draw nothing"
    )

    @field_validator("normalise")
    @classmethod
    def _known_kinds(cls, text: str) -> str:
        for kind in by_view(text, []).values():
            if kind not in KINDS:
                raise ValueError(f"{kind!r} is none of {', '.join(KINDS)}")
        return text

    @field_validator("dims")
    @classmethod
    def _whole_numbers(cls, text: str) -> str:
        for size in by_view(text, []).values():
            if not size.isdecimal():
                raise ValueError(f"{size!r} is no whole number from 0")
        return text


def by_view(text: str, views: list[str]) -> dict[str, str]:
    """`WORD`, or `VIEW=WORD,VIEW=WORD`, as a mapping from view to word; one word is for all `views` and for "".

    Raises:
        ValueError: a part is not VIEW=WORD.
    """
    if "=" not in text:
        return dict.fromkeys([*views, ""], text.strip())
    parts = [part.partition("=") for part in text.split(",")]
    if any(not name.strip() or not word.strip() for name, _, word in parts):
        raise ValueError(f"{text!r} is neither WORD nor VIEW=WORD,VIEW=WORD")
    return {name.strip(): word.strip() for name, _, word in parts}


def default() -> Config:
    """Twenty neighbours, thirty components, as published."""
    return Config()


def tiny() -> Config:
    """For tests: few neighbours and coordinates."""
    return Config(neighbours=8, reach=30, dims="5", ncomp=3)


def embeddings() -> Config:
    """Views that are embeddings already (PCA of the one, PCA or LSI of the other), as FindMultiModalNeighbors takes."""
    return Config(normalise="none", dims="0")


PRESETS = {"default": default, "tiny": tiny, "embeddings": embeddings}
