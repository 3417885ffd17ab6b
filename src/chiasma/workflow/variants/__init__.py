"""The verb variants: effects of alleles, from VCF to VCF."""
