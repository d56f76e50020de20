"""`python -m segae.jobs FOLDER`, or this file run as a script: the child of `segae.jobs`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    if not __package__:
        # Run by its path, which works even where a launcher replaces PYTHONPATH. This file's own folder must
        # leave the search path: names in it would hide those of the standard library.
        sys.path[0] = str(Path(__file__).resolve().parents[2])
    from segae.jobs.child import main

    main(Path(sys.argv[1]))
