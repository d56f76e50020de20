"""Puts the commands together, and turns errors that a user can cause into one line."""

from __future__ import annotations

import os
import sys
import warnings

from segae.errors import Cancelled, SegAEError
from segae.whole_file import reason

USER_ERROR, INTERRUPTED = 2, 130
_STOPPED = "stopped; run the same command to go on."


def main() -> None:
    """Entry point of `segae-train`. Exit codes: 0 done, 2 the input or an option cannot be used, 130 stopped
    by the user."""
    if not sys.warnoptions:
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        warnings.simplefilter("ignore")  # libraries speak to programmers; what users must know is a finding
    sys.exit(_run())


def _run() -> int:
    try:
        from segae_trainer.cli.app import app

        app(prog_name="segae-train")
    except (Cancelled, KeyboardInterrupt):
        return _stop(_STOPPED, INTERRUPTED)
    except SystemExit as ended:  # typer ends so, after Ctrl-C too
        if ended.code == INTERRUPTED:
            return _stop(_STOPPED, INTERRUPTED)
        raise
    except SegAEError as error:
        return _stop(str(error))
    except ModuleNotFoundError as error:
        return _stop(f'the package {error.name} is missing; install it with pip install "segae[train]".')
    except OSError as error:
        return _stop(f"{error.filename or 'a file'}: {reason(error)}; check its path and permissions.")
    return 0


def _stop(why: str, code: int = USER_ERROR) -> int:
    print(f"segae-train: {why}", file=sys.stderr)
    return code
