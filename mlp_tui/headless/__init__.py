"""Events as lines of text."""
