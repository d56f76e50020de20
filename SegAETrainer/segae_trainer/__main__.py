"""`python -m segae_trainer`, or this file run as a script, is the `segae-train` command."""

import sys
from importlib.util import find_spec
from pathlib import Path

if __name__ == "__main__":
    if not __package__:
        # Run by its path, which works even where a launcher replaces PYTHONPATH. This file's own folder must
        # leave the search path: names in it would hide others.
        packages = Path(__file__).resolve().parents[1]
        sys.path[0] = str(packages)
        if find_spec("segae") is None:  # in a copy of the repository the other module's folder is beside
            sys.path.insert(1, str(packages.parent / "SegAE"))
    from segae_trainer.cli.main import main

    main()
