"""Measurements: `python -m tests.benchmarks` prints one table, every ratio taken side by side in one run."""
