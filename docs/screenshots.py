"""Takes the pictures of the docs: ``python docs/screenshots.py``; ``--all DIR`` takes every page, to be looked at.

It runs ``meterhub demo``, adds a log, users and the names that a utility would give, lets it run for some minutes, and
drives Debian's Chromium through the pages. The web interface must have been built, as its installation does.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from screenshot_scenes.demo import demo, prepare
from screenshot_scenes.every_page import every_page
from screenshot_scenes.scenes import SCENES
from screenshot_scenes.shooting import Browser, browser

PICTURES = Path(__file__).parent / "pictures"
LARGEST = 1_500_000
"""Bytes of all pictures of the docs together."""


async def pictures(running: Browser, names: list[str]) -> None:
    """Write the pictures that the docs show."""
    PICTURES.mkdir(exist_ok=True)
    for name in names:
        await SCENES[name](running, PICTURES / f"{name}.png")
        print(f"{name}.png: {(PICTURES / f'{name}.png').stat().st_size:,} bytes", flush=True)


async def take(minutes: float, names: list[str], everything: Path | None) -> int:
    """Run the demo and take what was asked for; 1 when the pictures of the docs became too large."""
    with tempfile.TemporaryDirectory(prefix="meterhub-pictures-") as home:
        async with demo(Path(home)) as fresh:
            running = await prepare(fresh)
            print(f"{running.url} logs values for {minutes:g} minutes", flush=True)
            await asyncio.sleep(60 * minutes)
            async with browser(running) as window:
                if everything is not None:
                    await every_page(window, everything)
                    return 0
                await pictures(window, names)
    size = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    print(f"all pictures: {size:,} bytes of at most {LARGEST:,}")
    return int(size > LARGEST)


def main() -> int:
    """Take pictures; 1 when those of the docs became too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {', '.join(SCENES)}")
    parser.add_argument(
        "--all", type=Path, metavar="DIR", help="every page, both languages, light and dark, wide and narrow"
    )
    parser.add_argument("--minutes", type=float, default=4, help="how long values are logged first (4)")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - SCENES.keys()):
        parser.error(f"no picture is called {unknown[0]}; there are {', '.join(SCENES)}")
    return asyncio.run(take(options.minutes, options.names or list(SCENES), options.all))


if __name__ == "__main__":
    sys.exit(main())
