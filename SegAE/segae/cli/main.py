"""Puts the commands together, and turns errors that a user can cause into one line."""

from __future__ import annotations

import io
import os
import sys
import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError

from segae.errors import Cancelled, SegAEError, way
from segae.files import reason

USER_ERROR, SOME_FAILED, INTERRUPTED = 2, 3, 130


def main() -> None:
    """Entry point of `segae`. Exit codes: 0 done, 2 the input or an option cannot be used, 3 some cases of a
    batch could not be scored, 130 stopped by the user."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries speak to programmers; what users must know is a finding
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # bars and names must not fail on a terminal without them
            stream.reconfigure(errors="replace")
    sys.exit(run("segae", "segae.cli.app", "stopped; what was finished before is kept.", "segae[cli]"))


def run(program: str, module: str, stopped: str, extra: str) -> int:
    """Run the typer application `app` of `module` as `program`; returns the exit code. `stopped` is said when
    the user ends it, `extra` is what to install when a package is missing."""

    def stop(why: str, code: int = USER_ERROR) -> int:
        print(f"{program}: {why}", file=sys.stderr)
        return code

    # Idle OpenMP threads shall leave the processor to others; read when torch is first imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import_module(module).app(prog_name=program)
    except (Cancelled, KeyboardInterrupt):
        return stop(stopped, INTERRUPTED)
    except SystemExit as ended:  # typer ends so, after Ctrl-C too
        if ended.code == INTERRUPTED:
            return stop(stopped, INTERRUPTED)
        raise
    except SegAEError as error:
        return stop(str(error))
    except PackageNotFoundError as error:  # a kind of ModuleNotFoundError, and yet the module is there
        return stop(f"the package {error.name} has lost the record of its version; install it again.")
    except ModuleNotFoundError as error:
        return stop(
            f"the package {error.name} is missing; "
            + way(
                f'install it with pip install "{extra}".',
                "install it under Packages and press the button again.",
            )
        )
    except OSError as error:
        return stop(f"{error.filename or 'a file'}: {reason(error)}; check its path and permissions.")
    return 0
