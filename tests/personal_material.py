"""A small made-up world: a genome, phased genotypes with indels, expression that follows one allele."""

import numpy as np

MOTIF = "TGACGTCA"


def write_fasta(path, contigs):
    path.write_text("".join(f">{name}\n{text}\n" for name, text in contigs.items()))
    return path


def write_vcf(path, samples, rows, *, contigs=(("1", 4000),), between="|"):
    """rows: (contig, 1-based position, ref, alt, list of (a, b) a sample, or of text)."""
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={name},length={length}>" for name, length in contigs)]
    lines += ['##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += ["\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])]
    for contig, position, ref, alt, genotypes in rows:
        cells = [one if isinstance(one, str) else f"{one[0]}{between}{one[1]}" for one in genotypes]
        lines.append("\t".join([contig, str(position), ".", ref, alt, ".", "PASS", ".", "GT", *cells]))
    path.write_text("\n".join(lines) + "\n")
    return path


def random_dna(seed, length):
    return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))


def other_base(base):
    return {"A": "C", "C": "G", "G": "T", "T": "A"}[base]
