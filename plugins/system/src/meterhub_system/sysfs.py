"""Single values from /sys: one short text a file, any of which may be missing on this machine."""

from __future__ import annotations

from pathlib import Path

SYS = Path("/sys")
_LONGEST = 4096


def text_of(path: Path) -> str | None:
    """What the file says, or ``None`` where there is none, or none that may be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace").strip()
    except OSError:  # a driver answers with an error while its device is off: a link that is down has no speed
        return None


def number_of(path: Path) -> int | None:
    """The whole number in the file, or ``None``."""
    text = text_of(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def entries_of(path: Path) -> list[Path]:
    """What is in a directory, by name; nothing where there is none."""
    try:
        return sorted(path.iterdir())
    except OSError:
        return []
