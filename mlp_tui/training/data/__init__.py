"""Data sets, their batches, and preprocessing."""
