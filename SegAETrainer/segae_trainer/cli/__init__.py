"""The `segae-train` command."""

from segae_trainer.cli.main import main

__all__ = ["main"]
