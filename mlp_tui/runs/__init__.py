"""A run's folder: its files, its log, its lock, and who looks at it."""
