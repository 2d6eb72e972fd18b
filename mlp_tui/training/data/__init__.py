"""Data sets, and their batches."""
from .datasets import load_dataset
