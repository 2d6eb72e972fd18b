"""`python -m mlp_tui` is `mlp-tui`."""

from .cli import main

if __name__ == "__main__":
    main()
