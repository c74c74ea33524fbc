"""`python -m ultimus` is the command `ultimus`."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
