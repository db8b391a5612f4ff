"""``python -m meterhub``."""

import sys

from meterhub.cli import main

sys.exit(main())
