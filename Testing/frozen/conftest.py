"""Makes the folder importable as `frozen`."""

import sys
from pathlib import Path

TESTING = Path(__file__).resolve().parents[1]
if str(TESTING) not in sys.path:
    sys.path.append(str(TESTING))
