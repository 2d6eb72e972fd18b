"""A tab a file."""
