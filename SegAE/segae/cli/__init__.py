"""The `segae` command."""

from segae.cli.main import main

__all__ = ["main"]
