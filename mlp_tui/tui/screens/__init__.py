"""A dialog a file."""
