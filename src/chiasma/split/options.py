"""How a division is asked for."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from chiasma.core.config import Config

Kind = Literal["auto", "chromosome", "homology", "group", "locus", "random"]


class SplitOptions(Config):
    """Which examples may be learned from and which are kept back."""

    kind: Kind = Field(
        default="auto",
        description="auto takes chromosomes where examples lie on three or more, else the group column, else homology "
        "for sequences, else stratified random",
    )
    test: float = Field(default=0.2, gt=0, lt=1, description="share of the examples in the test part")
    valid: float = Field(default=0.1, ge=0, lt=1, description="share kept for stopping and tuning")
    calibration: float = Field(default=0.1, ge=0, lt=1, description="share kept for conformal sets and reliability")
    test_chromosomes: tuple[str, ...] = Field(
        default=(), description="contigs of the test part; by default chr8 and chr9 where they hold enough"
    )
    valid_chromosomes: tuple[str, ...] = Field(
        default=(), description="contigs of the validation part; by default chr7 where it holds enough"
    )
    group: str = Field(default="group", description="column that names the patient, study, library or family")
    block: int | None = Field(
        default=None, gt=0, description="bases of one genomic block of a locus split; by default about 50 blocks in all"
    )
    gap: int = Field(default=10_000, ge=0, description="bases left empty between parts of a locus split")
    k: int | None = Field(
        default=None, ge=4, le=31, description="bases of a k-mer for homology; by default 12, or 21 beyond 10 kb"
    )
    containment: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of the smaller sequence's k-mers in another, or of its bases aligned to that, from which "
        "they are kin",
    )
    seed: int = Field(default=0, description="root of the random choices")

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.test + self.valid + self.calibration >= 0.95:
            raise ValueError("test, valid and calibration together leave less than 5 % for training")
        return self

    @property
    def fractions(self) -> dict[str, float]:
        """Share of each part, training first."""
        rest = 1 - self.test - self.valid - self.calibration
        return {"train": rest, "valid": self.valid, "calibration": self.calibration, "test": self.test}
