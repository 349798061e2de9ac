"""``python -m hookchain`` is the command ``hookchain``."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
