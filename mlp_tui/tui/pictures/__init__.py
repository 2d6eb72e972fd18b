"""Pixels, weights and numbers as characters."""
