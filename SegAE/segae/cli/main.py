"""Puts the commands together, and turns errors that a user can cause into one line."""

from __future__ import annotations

import sys

USER_ERROR, SOME_FAILED, INTERRUPTED = 2, 3, 130


def main() -> None:
    """Entry point of `segae`. Exit codes: 0 done, 2 the input or an option cannot be used, 3 some cases of a
    batch could not be scored, 130 stopped by the user."""
    try:
        from segae.cli.app import app
    except ModuleNotFoundError as error:
        print(
            f'segae: the package {error.name} is missing; install it with pip install "segae[cli]".',
            file=sys.stderr,
        )
        sys.exit(USER_ERROR)
    from segae.errors import Cancelled, SegAEError

    try:
        app()
    except (Cancelled, KeyboardInterrupt):
        print("segae: stopped; what was finished before is kept.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except SegAEError as error:
        print(f"segae: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except ModuleNotFoundError as error:
        print(
            f'segae: the package {error.name} is missing; install it with pip install "segae[cli]".',
            file=sys.stderr,
        )
        sys.exit(USER_ERROR)
