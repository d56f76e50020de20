"""`python -m segae` is the `segae` command."""

from segae.cli.main import main

main()
