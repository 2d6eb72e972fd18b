"""A run's folder: its files, its log, its lock; watching it from outside."""
