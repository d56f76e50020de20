"""Scores a data set, or scenes, in Slicer without a window:

Slicer --no-splash --no-main-window --python-script SegAE/Scripts/segae_batch.py -- DATA --out DIR [options]

The options and the result files are those of `segae batch`; `-- --help` lists them. Slicer ends with code 0
when everything was scored, 2 when the input or an option cannot be used, 3 when some cases failed, 130 after
Ctrl-C, 1 after a fault of the program.
"""
# pyright: reportAttributeAccessIssue=false

import sys
import traceback
from pathlib import Path

import slicer


def run(arguments):
    """The exit code, whatever happens: without one Slicer would stay there for ever, unseen."""
    try:
        module_folder = str(Path(__file__).resolve().parents[1])
        if module_folder not in sys.path:
            sys.path.insert(0, module_folder)
        from SegAELib.app.headless import main

        return main(arguments)
    except SystemExit as ended:  # argparse, after --help or a wrong option
        return ended.code if isinstance(ended.code, int) else 2
    except BaseException:
        traceback.print_exc()
        return 1


if __name__ == "__main__":
    slicer.util.exit(run(sys.argv[1:]))
