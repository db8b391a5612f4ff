"""``meterhub run, demo, status``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from meterhub.cli.output import console


def add_commands(commands: Any) -> None:
    """Enter the commands."""
    run = commands.add_parser("run", help="run an instance until it is told to stop")
    run.add_argument("--initial", type=Path, metavar="FILE", help="configuration for a home that has none yet")
    run.set_defaults(run=_run)
    demo = commands.add_parser("demo", help="two meters and a gateway on this machine, with real data")
    demo.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="end by itself with a summary")
    demo.add_argument("--home", dest="demo_home", type=Path, metavar="DIR", help="keep the demo's homes in DIR")
    demo.set_defaults(run=_demo)
    status = commands.add_parser("status", help="the instance, its services and workers")
    status.set_defaults(run=_status)


async def _run(options: argparse.Namespace) -> int:
    from meterhub.app import Instance, run_until_told

    instance = Instance(options.home)

    def ready() -> None:
        if instance.first_password is not None:
            console.print("The first start made a password for the user access_admin. It is shown only now:")
            console.print(f"    {instance.first_password}")
        console.print(f"Meterhub runs in {options.home}", soft_wrap=True)

    return await run_until_told(instance, options.initial, ready)


async def _demo(options: argparse.Namespace) -> int:
    from meterhub.demo.show import run_demo

    return await run_demo(options.demo_home, options.seconds)


async def _status(options: argparse.Namespace) -> int:
    from meterhub.cli.client import connected
    from meterhub.cli.output import show

    async with connected(options.home) as client:
        answer = await client.get("/status/instance")
        answer |= await client.get("/status/services")
        answer |= await client.get("/status/workers")
    show(answer, as_json=options.json)
    return 0
