"""Makes the broken plugins importable by name, here and in the processes started from here."""

import sys
from pathlib import Path

PLUGINS = Path(__file__).parent / "plugins"
if str(PLUGINS) not in sys.path:
    sys.path.append(str(PLUGINS))
