"""`python -m stylegan2.critters`: the commands of making/. Like that folder it is not installed."""

from __future__ import annotations

import sys

from stylegan2.critters.making.commands import main

if __name__ == "__main__":
    sys.exit(main())
