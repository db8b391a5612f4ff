"""What a person hands to a command: the content of files, and secrets that never stand on a command line."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from meterhub_sdk import Refused

from meterhub.files import FileRefused, read_limited

SECRET_LIMIT = 20_000


def text_of(path: Path, limit: int) -> str:
    """The text of a file of at most ``limit`` bytes; ``-`` is standard input. ``Refused`` for a bad one."""
    try:
        data = sys.stdin.buffer.read(limit + 1) if path == Path("-") else read_limited(path, limit)
        if len(data) > limit:
            raise Refused(f"standard input holds more than the {limit} bytes that it may have")
        return data.decode()
    except FileRefused as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is no text in UTF-8") from error


def secret(what: str, file: Path | None, *, new: bool = True) -> str:
    """A secret from a file, from a prompt without echo (asked twice when ``new``), or from standard input.

    One line end after it, as editors and ``echo`` leave it, is no part of it.
    """
    if file is not None:
        return _without_line_end(text_of(file, SECRET_LIMIT))
    if not sys.stdin.isatty():
        return _without_line_end(text_of(Path("-"), SECRET_LIMIT))
    try:
        first = getpass.getpass(f"{what}: ")
        again = getpass.getpass(f"{what} again: ") if new else first
    except EOFError:
        raise Refused(f"no {what.lower()} was given, so nothing was changed") from None
    if again != first:
        raise Refused(f"the two inputs differ, so the {what.lower()} stays as it was")
    return first


def agreed(question: str) -> bool:
    """Whether a person at a terminal says yes; a script, which cannot be asked, has decided already."""
    if not sys.stdin.isatty():
        return True
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
