"""Multi-omics factor analysis: variational inference."""
