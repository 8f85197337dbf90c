"""Imports numpy; a check that needs it is skipped if it is missing.

    from arrays import numpy
"""

import os
import sys

try:
    import numpy  # noqa: F401
except ImportError:
    from verdict import SKIPPED

    print(f"SKIP no numpy for '{sys.executable}' (Debian: python3-numpy)", flush=True)
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)
