"""Everything that computes: PyTorch lives here and nowhere else."""
