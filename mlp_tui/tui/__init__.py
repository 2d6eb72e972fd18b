"""Everything that is drawn: Textual lives here and nowhere else."""
