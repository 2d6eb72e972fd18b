"""The plain steps of the loop, and faster ways to the same numbers."""
