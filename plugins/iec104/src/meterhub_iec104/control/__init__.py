"""Control direction: what a master asks, checked, carried out and answered."""

from meterhub_iec104.control.dispatch import Control
from meterhub_iec104.control.replies import Replies

__all__ = ["Control", "Replies"]
