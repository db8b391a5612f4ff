"""Changing the draft from the command line, applying it, and telling what was wrong with it."""

from __future__ import annotations

import argparse
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from meterhub_sdk import MeterhubError

from meterhub.cli.client import Client
from meterhub.cli.output import console, errors, show

COMMAND = "/command/configuration/"
Run = Callable[[argparse.Namespace], Awaitable[int]]


class Faulty(MeterhubError):
    """A change was turned down; its errors are told one a line, ``reason`` after them."""

    def __init__(self, answer: dict[str, Any], reason: str = "") -> None:
        super().__init__(reason or "the configuration has errors")
        self.answer = answer
        self.reason = reason


def telling_faults(run: Run) -> Run:
    """A command whose errors are told with their paths, one a line (or as JSON)."""

    @functools.wraps(run)
    async def told(options: argparse.Namespace) -> int:
        try:
            return await run(options)
        except Faulty as faulty:
            if options.json:
                show(faulty.answer, as_json=True)
                return 1
            lines = [
                f"{dotted(fault['path']) or 'configuration'}: {fault['message']}" for fault in faulty.answer["errors"]
            ]
            for line in [*lines, *filter(None, [faulty.reason])]:
                errors.print(line, style="red", markup=False, soft_wrap=True)
            return 1

    return told


def dotted(path: list[str | int]) -> str:
    """The path of a field as ``meterhub set`` takes it."""
    return ".".join(map(str, path))


@asynccontextmanager
async def editing(client: Client) -> AsyncIterator[list[str]]:
    """Be in configuration mode, with the names of the draft's services.

    A draft that was begun only for what then failed is thrown away again, so that it is in nobody's way.
    """
    fresh = (await client.get("/status/configuration"))["editor"] is None
    entered = await client.post(COMMAND + "enter")
    try:
        yield entered["services"]
    except BaseException:
        if fresh:
            await client.post(COMMAND + "discard")
        raise


def saved(answer: dict[str, Any], options: argparse.Namespace) -> int:
    """Tell that the draft was changed; :class:`Faulty` when it was not."""
    if answer["errors"]:
        raise Faulty(answer)
    if options.json:
        show(answer, as_json=True)
    else:
        console.print("saved in the draft; see it with: meterhub config diff, run it with: meterhub config apply")
    return 0


def add_apply_options(parser: argparse.ArgumentParser) -> None:
    """The options of whoever applies."""
    parser.add_argument("--name", default="", help="name of the revision")
    parser.add_argument(
        "--confirm-within",
        type=float,
        default=120.0,
        metavar="S",
        help="seconds in which it must be confirmed, or the old one returns; 0 confirms at once (%(default)g)",
    )


async def apply_draft(client: Client, options: argparse.Namespace) -> int:
    """Apply the draft and tell what came of it; :class:`Faulty` when nothing was applied."""
    body = {"name": options.name, "confirm_within": options.confirm_within}
    answer = await client.post(COMMAND + "apply", body)
    if not answer["applied"]:
        raise Faulty(answer, f"nothing was applied: {answer['reason']}")
    if options.json:
        show(answer, as_json=True)
        return 0
    console.print(f"revision {answer['revision']} runs; changed: {', '.join(answer['changed']) or 'nothing'}")
    if answer["confirm_within"]:
        within = f"{answer['confirm_within']:g} s"
        console.print(f"keep it with: meterhub config confirm, within {within}; else the old one returns by itself")
    return 0
