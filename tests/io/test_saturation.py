"""Saturation mutagenesis: alleles of one build, on the sequences that they were made on."""

from __future__ import annotations

from pathlib import Path

import pytest

from chiasma.core.errors import FormatError, MismatchError, UsageError
from chiasma.io.saturation import read_saturation

HEAD = "Chrom\tPos\tRef\tAlt\tBarcodes\tDNA\tRNA\tCoefficient\tpValue\tElement\tRelease\n"
ROWS = [
    "1\t101\tA\tC\t20\t0\t0\t0.5\t0.1\tone\tGRCh38",
    "1\t102\tC\t-\t12\t0\t0\t-0.25\t0.1\tone\tGRCh38",
    "1\t103\tG\tA\t3\t0\t0\t9\t0.1\tone\tGRCh38",
    "1\tNA\tA\tC\t20\t0\t0\tNA\tNA\tone\tGRCh38",
    "1\t201\tA\tC\t20\t0\t0\t0.5\t0.1\tone\tGRCh37",
    "1\t105\tC\tG\t40\t0\t0\t1.5\t0.1\ttwo\tGRCh38",
    "2\t11\tT\tG\t40\t0\t0\t2.5\t0.1\tthree\tGRCh38",
]
REFERENCES = ">two chr1:104-107\nTCGT\n>one chr1:101-104 note\nACGT\n>three chr2:11-12\nTT\n"


def write(folder: Path, rows: list[str] = ROWS, references: str = REFERENCES) -> tuple[Path, Path]:
    (folder / "t.tsv").write_text(HEAD + "\n".join(rows) + "\n")
    (folder / "r.fa").write_text(references)
    return folder / "t.tsv", folder / "r.fa"


def test_alleles_of_one_build(tmp_path: Path) -> None:
    found = read_saturation(*write(tmp_path), build="GRCh38", fewest_barcodes=10)
    table = found.alleles
    assert table["id"].tolist() == ["one_0_A_C", "one_1_C_del", "two_1_C_G", "three_0_T_G"]
    assert table["at"].tolist() == [0, 1, 1, 0] and table["effect"].tolist() == [0.5, -0.25, 1.5, 2.5]
    assert table["locus"].tolist() == ["one", "one", "one", "three"], "places that overlap are one locus"
    assert found.bases == {"two": "TCGT", "one": "ACGT", "three": "TT"}
    assert found.left_out == {"nothing measured": 1, "fewer than 10 barcodes": 1}


@pytest.mark.parametrize(
    ("rows", "references", "build", "error", "words"),
    [
        (ROWS, REFERENCES, "GRCh36", UsageError, r"GRCh37 \| GRCh38"),
        (ROWS, REFERENCES.replace("ACGT", "CCGT"), "GRCh38", MismatchError, "do not fit the sequences"),
        (ROWS, REFERENCES.replace("TT\n", "TTT\n"), "GRCh38", FormatError, "not as long as their places"),
        (ROWS, REFERENCES.replace(" chr2:11-12", ""), "GRCh38", FormatError, r"r.fa:5: no place in the header"),
        (ROWS, REFERENCES.rpartition(">")[0], "GRCh38", MismatchError, "elements without a sequence"),
    ],
)
def test_what_does_not_fit(tmp_path, rows, references, build, error, words) -> None:
    with pytest.raises(error, match=words):
        read_saturation(*write(tmp_path, rows, references), build=build, fewest_barcodes=10)


def test_columns(tmp_path: Path) -> None:
    table, references = write(tmp_path)
    table.write_text(table.read_text().replace("Coefficient", "Effect"))
    with pytest.raises(FormatError, match="Coefficient"):
        read_saturation(table, references, build="GRCh38", fewest_barcodes=10)


@pytest.mark.realdata
def test_the_published_table(data_dir: Path) -> None:
    folder = data_dir / "variants"
    files = (folder / "mpra_satmut_elements.tsv.gz", folder / "mpra_satmut_refs.GRCh38.fa")
    found = read_saturation(*files, build="GRCh38", fewest_barcodes=0)
    assert len(found.alleles) == 44_647 and (found.alleles["alt"] == "-").sum() == 5_477
    assert found.alleles["locus"].nunique() == 21 and len(found.bases) == 29
    assert found.left_out["nothing measured"] == 11
