"""What the benchmarks of the starter model's folds are asked on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def parser(doc: str | None) -> argparse.ArgumentParser:
    """For a script with the docstring `doc`: the scans, the work folder of `segae-train starter`, threads."""
    result = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--data", type=Path, required=True)
    result.add_argument("--work", type=Path, required=True)
    result.add_argument("--threads", type=int, default=2)
    return result
