"""Settings all tests share."""

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))  # so that tests can import paths.py
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes share two cores

settings.register_profile("soundmill", deadline=None, max_examples=60)
settings.load_profile("soundmill")
