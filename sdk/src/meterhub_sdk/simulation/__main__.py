"""``python -m meterhub_sdk.simulation`` is ``meterhub-sdk simulate-line``."""

from __future__ import annotations

import sys

from meterhub_sdk.tools.cli import main

sys.exit(main(["simulate-line", *sys.argv[1:]]))
