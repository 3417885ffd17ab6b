"""Population statistics of haplotypes and genotypes, by site, by window and in grids of windows."""
