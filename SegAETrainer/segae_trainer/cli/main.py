"""The entry point; errors that a user can cause become one line, as those of `segae` do."""

from __future__ import annotations

import os
import sys
import warnings

from segae.cli.main import run
from segae.errors import way


def main() -> None:
    """Entry point of `segae-train`. Exit codes: 0 done, 2 the input or an option cannot be used, 130 stopped
    by the user."""
    if not sys.warnoptions:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        warnings.simplefilter("ignore")  # libraries speak to programmers; what users must know is a finding
    stopped = "stopped; " + way("run the same command to go on.", "press the button again to go on.")
    sys.exit(run("segae-train", "segae_trainer.cli.app", stopped, "segae[train]"))
