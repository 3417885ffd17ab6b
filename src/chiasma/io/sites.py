"""What all readers of genotypes share: which sites and samples are kept, and how that is counted."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from chiasma.core.checks import require_unique, require_valid
from chiasma.core.errors import (
    FormatError,
    InputError,
    InsufficientDataError,
    MismatchError,
    UsageError,
    list_some,
    nearest,
)
from chiasma.data.contigs import bare_contig
from chiasma.data.dataset import Skip
from chiasma.data.haplotypes import Haplotypes


@dataclass(frozen=True)
class SiteRules:
    """Which sites become columns.

    Attributes:
        multiallelic: drop sites with more than two alleles, or split them into one column an alternative allele.
        indels: keep sites where an allele is longer than one base.
        unphased: keep heterozygous genotypes whose phase is unknown, or drop the sites that have any.
        filter: keep sites whose FILTER is PASS or missing, or any site.
    """

    multiallelic: Literal["drop", "split"] = "drop"
    indels: bool = False
    unphased: Literal["keep", "drop"] = "keep"
    filter: Literal["pass", "any"] = "pass"


@dataclass(frozen=True, eq=False)
class HaplotypeRead:
    """Haplotypes of one region, and what their file says of them.

    Attributes:
        haplotypes: 0 for the reference and 1 for the alternative allele, unless polarised.
        skips: what was left out.
        n_unphased: heterozygous genotypes without a known phase.
        ref: reference allele of each site (site,), or None where the file names no alleles.
        alt: alternative allele of each site (site,), or None.
        contig_length: bases of the whole contig, or None where the file does not say.
    """

    haplotypes: Haplotypes
    skips: tuple[Skip, ...] = ()
    n_unphased: int = 0
    ref: np.ndarray | None = None
    alt: np.ndarray | None = None
    contig_length: int | None = None

    def take_sites(self, index: np.ndarray, *skips: Skip) -> HaplotypeRead:
        """Some sites, and why the others are left out."""
        ref, alt = (None if names is None else names[index] for names in (self.ref, self.alt))
        kept = self.haplotypes.take_sites(index)
        return replace(self, haplotypes=kept, ref=ref, alt=alt, skips=(*self.skips, *skips))


@dataclass
class Tally:
    """Counts what is left out and remembers the first few names."""

    counts: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """One more left out."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        first = self.names.setdefault(reason, [])
        if len(first) < 3:
            first.append(name)

    def skips(self) -> tuple[Skip, ...]:
        """One Skip a reason."""
        return tuple(Skip(reason, count, tuple(self.names[reason])) for reason, count in self.counts.items())


@dataclass(frozen=True)
class Region:
    """Part of a contig, 0-based and half-open; `end` is None for all of it."""

    contig: str
    start: int = 0
    end: int | None = None


def parse_region(region: str | Region | None) -> Region | None:
    """Read `CONTIG` or `CONTIG:FIRST-LAST` (1-based, both ends included, as samtools and tabix write it).

    Raises:
        UsageError: not of that form, or the last base before the first.
    """
    if region is None or isinstance(region, Region):
        return region
    match = re.fullmatch(r"(.+?)(?::([\d,]+)(?:-([\d,]+))?)?", region.strip())
    form = "CONTIG or CONTIG:FIRST-LAST, for instance 2:136401418-136699902 (1-based, both ends included)"
    if not match:
        raise UsageError("not a region", got=region, expected=form)
    first = int(match[2].replace(",", "")) if match[2] else 1
    last = int(match[3].replace(",", "")) if match[3] else None
    if first < 1 or (last is not None and last < first):
        raise UsageError("not a region", got=region, expected=form)
    return Region(match[1], first - 1, last)


def match_contig(name: str, known: Sequence[str], *, where: object) -> str:
    """The file's own name of a contig: chr2 finds 2 and the reverse, MT finds chrM.

    Raises:
        MismatchError: no contig of that name, under any alias.
    """
    if name in known:
        return name

    found = [contig for contig in known if bare_contig(contig) == bare_contig(name)]
    if len(found) == 1:
        return found[0]
    close = nearest(name, known)
    raise MismatchError(
        "no such contig",
        where=where,
        got=name,
        expected=list_some(known, most=8) or "a file with contigs",
        do=f"did you mean {close!r}?" if close else "name one of the file's contigs in the region",
    )


@dataclass(frozen=True, eq=False)
class SampleTable:
    """Names of samples and the population of each."""

    samples: tuple[str, ...]
    population: tuple[str, ...]
    source: str = "sample table"


def read_sample_table(source: str | Path) -> SampleTable:
    """Read `FILE` or `FILE:COLUMN`: tab or comma separated, a header, names first; COLUMN (default: the second) groups.

    Raises:
        InputError: no such file, no such column, a name twice.
    """
    path, column = Path(source), ""
    if not path.exists() and ":" in str(source):
        text, _, column = str(source).rpartition(":")
        path = Path(text)
    if not path.is_file():
        raise InputError("no such sample table", where=path, do="give FILE or FILE:COLUMN")
    text = path.read_text(encoding="utf-8-sig")
    dialect = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = [row for row in csv.reader(text.splitlines(), delimiter=dialect) if row]
    if len(rows) < 2:
        raise FormatError("no samples", where=path, expected="a header line, then one line a sample")
    header, body = rows[0], rows[1:]
    if column and column not in header:
        raise MismatchError("no such column", where=path, got=column, expected=", ".join(header))
    place = header.index(column) if column else min(1, len(header) - 1)
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise FormatError(
                "wrong number of columns", where=f"{path}:{number}", got=len(row), expected=f"{len(header)} columns"
            )
    names = [row[0] for row in body]
    require_unique(names, what="sample names", where=path)
    return SampleTable(tuple(names), tuple(row[place] for row in body), str(path))


@dataclass(frozen=True, eq=False)
class Chosen:
    """Samples to keep: their index in the file, names and populations."""

    index: np.ndarray
    names: np.ndarray
    population: np.ndarray | None
    skips: tuple[Skip, ...]


def choose_samples(
    in_file: Sequence[str],
    *,
    samples: SampleTable | Sequence[str] | None,
    populations: Sequence[str] | None,
    where: object,
) -> Chosen:
    """Which samples of a file to keep, in file order; with `populations`, in the order of these.

    Raises:
        FormatError: no samples in the file. InputError: a name twice. MismatchError: nothing in common,
        or no such population. UsageError: populations without a table.
    """
    if not len(in_file):
        raise FormatError("no samples", where=where, expected="at least one genotype column")
    require_unique(list(in_file), what="sample names", where=where)
    if populations and not isinstance(samples, SampleTable):
        raise UsageError("populations need a table", got=", ".join(populations), do="add --samples FILE:COLUMN")
    if samples is None:
        return Chosen(np.arange(len(in_file)), np.asarray(in_file, object), None, ())
    table = samples if isinstance(samples, SampleTable) else SampleTable(tuple(samples), ("",) * len(samples), "list")
    known = dict(zip(table.samples, table.population, strict=True))
    absent = [name for name in known if name not in set(in_file)]
    unlisted = [name for name in in_file if name not in known]
    index = np.array([i for i, name in enumerate(in_file) if name in known], np.int64)
    if not len(index):
        raise MismatchError(
            "no sample of the table is in the genotypes",
            where=table.source,
            got=list_some(known, most=3),
            expected=list_some(in_file, most=3),
            do="check the column of names (the first) and the file",
        )
    skips = []
    if absent:
        skips.append(Skip("samples of the table that are not in the genotypes", len(absent), tuple(absent[:3])))
    if unlisted:
        skips.append(Skip("samples that are not in the table", len(unlisted), tuple(unlisted[:3])))
    names = np.asarray(in_file, object)[index]
    if not isinstance(samples, SampleTable):
        return Chosen(index, names, None, tuple(skips))
    population = np.array([known[name] for name in names], object)
    if populations:
        present = set(population)
        if missing := [name for name in populations if name not in present]:
            raise MismatchError(
                "no such population", where=table.source, got=", ".join(missing), expected=", ".join(sorted(present))
            )
        order = np.concatenate([np.flatnonzero(population == name) for name in populations])
        index, names, population = index[order], names[order], population[order]
    return Chosen(index, names, population, tuple(skips))


FILTERED = "sites that did not pass the caller's filters (FILTER)"
TELOMERE = "records at position 0, which stands for a telomere"
_SYMBOLIC = re.compile(r"[<\[\]*]")


def alternatives(alleles: Sequence[str], rules: SiteRules) -> tuple[tuple[int, ...], str]:
    """Which alternative alleles of a site become columns, and why none does.

    Args:
        alleles: reference or ancestral allele first.
        rules: what to keep.
    """
    others = [allele for allele in alleles[1:] if allele not in ("", ".")]
    if not others:
        return (), "sites without an alternative allele"
    if len(others) > 1 and rules.multiallelic == "drop":
        return (), "sites with more than two alleles"
    if any(_SYMBOLIC.search(allele) for allele in others):
        return (), "symbolic alleles"
    lengths = {len(allele) for allele in (alleles[0], *others)}
    if not rules.indels and lengths != {1}:
        return (), "insertions and deletions" if len(lengths) > 1 else "substitutions of several bases at once"
    return tuple(range(1, len(others) + 1)), ""


def code_column(genotypes: np.ndarray, alternative: int) -> np.ndarray:
    """Allele indices of one site as 0, 1 (this alternative) and -1 (missing), int8."""
    return np.where(genotypes < 0, -1, genotypes == alternative).astype(np.int8)


ABSENT = -2
"""An allele that a sample does not have, being of lower ploidy than others."""


@dataclass
class SiteColumns:
    """The columns of one contig, as a reader of genotypes collects them site by site.

    Attributes:
        where: the file, for messages.
        chosen: the samples kept.
        rules: which sites become columns.
        contig: its name.
        ploidy: alleles of each sample; 0 until a site tells.
        padded: whether the file writes alleles that a sample does not have as missing ones (scikit-allel).
        n_unphased: heterozygous genotypes without a known phase, in the columns.
        named: whether the alleles that sites are judged by are those of the file, and not stand-ins.
        contig_length: bases of the whole contig, or None where the file does not say.
        positions: 0-based, of each column.
    """

    where: object
    chosen: Chosen
    rules: SiteRules
    contig: str = ""
    ploidy: int = 0
    padded: bool = False
    n_unphased: int = 0
    named: bool = True
    contig_length: int | None = None
    positions: list[int] = field(default_factory=list)
    _tally: Tally = field(default_factory=Tally)
    _columns: list[np.ndarray] = field(default_factory=list)
    _judged: Sequence[str] = ()
    _letters: list[tuple[str, str]] = field(default_factory=list)

    def judge(self, alleles: Sequence[str], position: int, *, passed: bool) -> tuple[int, ...]:
        """Which alternative alleles of a site become columns; a site without one is counted and named."""
        wanted, reason = alternatives(alleles, self.rules)
        self._judged = alleles
        if position < 0:
            wanted, reason = (), TELOMERE
        elif self.rules.filter == "pass" and not passed:
            wanted, reason = (), FILTERED
        if not wanted:
            self._tally.add(reason, f"{self.contig}:{position + 1}")
        return wanted

    def same_ploidy(self, genotypes: np.ndarray, where: object) -> np.ndarray:
        """Alleles of the samples kept, ABSENT where one has fewer, as (sample, ploidy); -1 stays missing.

        Raises:
            FormatError: samples of different ploidy, or sites.
        """
        width, absent = genotypes.shape[1], genotypes == ABSENT
        if absent.any():
            numbers = (~absent).sum(axis=1)
            # "." alone stands for a missing genotype of any ploidy
            told = (numbers > 1) | (genotypes >= 0).any(axis=1)
            width = int(numbers[told].max()) if told.any() else width
            if (odd := told & (numbers < width)).any():
                self._refuse_ploidy(odd, where)
            genotypes = np.where(absent, -1, genotypes)[:, :width]
        if not self.ploidy and width == 1 and not (genotypes >= 0).any():
            return genotypes  # a site of "." alone, which tells no ploidy
        self.ploidy = self.ploidy or width
        if width == self.ploidy:
            return genotypes
        if (genotypes >= 0).any():
            self._refuse_ploidy(np.ones(len(genotypes), bool), where)
        return np.full((len(genotypes), self.ploidy), -1)

    def _refuse_ploidy(self, odd: np.ndarray, where: object) -> None:
        raise FormatError(
            "samples of different ploidy",
            where=where,
            got=f"another number of alleles in {list_some(self.chosen.names[odd], most=3)}",
            expected="one ploidy",
            do="keep the samples of one ploidy with --samples, or a region where all have the same",
        )

    def _unpad(self, alleles: np.ndarray) -> np.ndarray:
        """Alleles (haplotype, site) of haploids written as diploids without a second allele; else as they are."""
        called = (alleles >= 0).reshape(-1, self.ploidy, alleles.shape[1])
        short = (called[:, 0].sum(axis=1) > 1) & ~called[:, 1:].any(axis=(1, 2))
        if not short.any():
            return alleles
        if not short.all():
            self._refuse_ploidy(short, self.where)
        step, self.ploidy, self.n_unphased = self.ploidy, 1, 0
        return alleles[::step]

    def add(self, genotypes: np.ndarray, position: int, *, wanted: tuple[int, ...], unphased: int) -> None:
        """Take the site judged last: allele indices (sample, ploidy) of the samples kept, -1 missing, and the unphased
        among them."""
        if unphased and self.rules.unphased == "drop":
            self._tally.add("sites with unphased heterozygous genotypes", f"{self.contig}:{position + 1}")
            return
        self.n_unphased += unphased
        for alternative in wanted:
            self._columns.append(code_column(genotypes, alternative).ravel())
            self.positions.append(position)
            self._letters.append((self._judged[0], self._judged[alternative]))

    def read(self, *, start: float, end: float) -> HaplotypeRead:
        """The haplotypes of the region from `start` to `end`.

        Raises:
            InsufficientDataError: no site was taken. FormatError: samples of different ploidy.
        """
        left_out = self._tally.skips()
        if not self._columns:
            raise InsufficientDataError(
                "no usable site",
                where=self.where,
                got="; ".join(map(str, left_out)) or "no record in the region",
                expected="one site or more",
                do="check the region, and what was left out",
            )
        self.ploidy = self.ploidy or 1
        size = len(self.chosen.names) * self.ploidy
        # of sites before ploidy was known nothing was called
        columns = [one if len(one) == size else np.full(size, -1, np.int8) for one in self._columns]
        alleles = np.ascontiguousarray(np.stack(columns).T)
        if self.padded and self.ploidy > 1:
            alleles = self._unpad(alleles)
        haplotypes = Haplotypes(
            alleles=alleles,
            positions=np.array(self.positions, np.float64),
            start=float(start),
            end=float(end),
            contig=self.contig,
            samples=self.chosen.names,
            ploidy=self.ploidy,
            phased=self.n_unphased == 0,
            population=self.chosen.population,
        )
        require_valid(haplotypes, where=self.where)
        read = HaplotypeRead(haplotypes, (*self.chosen.skips, *left_out), self.n_unphased)
        if self.named:
            ref, alt = (np.array(names, object) for names in zip(*self._letters, strict=True))
            read = replace(read, ref=ref, alt=alt)
        return replace(read, contig_length=self.contig_length)
