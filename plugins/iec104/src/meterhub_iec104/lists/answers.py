"""The lists as answers of commands: written to a file of the service, and handed out in pieces that fit a message."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from meterhub_sdk import Config, Hub, Refused, field, moment
from pydantic import BaseModel, Field

from meterhub_iec104.lists import interoperability, signals
from meterhub_iec104.lists.document import as_csv, as_html
from meterhub_iec104.lists.words import Language, translator
from meterhub_iec104.settings import Iec104Settings

PIECE = 200_000
"""Characters of one answer at most."""
_UNITS_TIMEOUT = 5.0
"""Seconds that the hub has to say the units of the points; without them the list has none."""
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}

Which = Literal["interoperability-list", "signal-list"]


class ListArguments(Config):
    """Language and form of a list."""

    language: Language = field("en", title="Language", description="en: English. pl: Polish.")
    format: Literal["html", "csv"] = field(
        "html",
        title="Format",
        description="html: one page, to be read and printed. csv: for spreadsheets and programs.",
    )
    offset: int = field(
        0,
        title="From character",
        description="0 makes the list anew. For the rest of a long one, what the piece before gave as next.",
        ge=0,
    )


class ListPiece(BaseModel):
    """A list, or where it is long a piece of it; joined they are the file."""

    name: str = Field(title="File name", description="It is also in the directory lists of the service.")
    media_type: str = Field(title="Media type")
    characters: int = Field(title="Characters of the whole list")
    text: str = Field(title="Content")
    next: int | None = Field(title="Next", description="The offset of the next piece; empty: that was all.")


class Lists:
    """Makes the lists of one server."""

    def __init__(self, hub: Hub, config: Iec104Settings) -> None:
        self._hub = hub
        self._config = config

    async def piece(self, which: Which, arguments: ListArguments) -> ListPiece:
        """A list from its beginning, made anew, or the piece of it at an offset; ``Refused`` where there is none."""
        name = f"{self._hub.name}-{which}-{arguments.language}.{arguments.format}"
        path = self._hub.directory / "lists" / name
        if arguments.offset:
            text = await asyncio.to_thread(_read, path)
        else:
            units = await self._units() if which == "signal-list" else {}
            text = await asyncio.to_thread(self._made, which, arguments, units)
            await asyncio.to_thread(_write, path, text)
        if arguments.offset and arguments.offset >= len(text):
            raise Refused(f"the list has {len(text)} characters; begin with offset 0, which makes it anew")
        end = arguments.offset + PIECE
        return ListPiece(
            name=name,
            media_type=_MEDIA_TYPES[arguments.format],
            characters=len(text),
            text=text[arguments.offset : end],
            next=end if end < len(text) else None,
        )

    def _made(self, which: Which, arguments: ListArguments, units: Mapping[str, str]) -> str:
        language, say = arguments.language, translator(arguments.language)
        config = self._config
        if arguments.format == "csv":
            signal_list = which == "signal-list"
            lines = signals.csv_lines(config, units, say) if signal_list else interoperability.csv_lines(config, say)
            return as_csv(language, lines)
        facts = [
            (say("Service"), self._hub.name),
            (say("Program"), f"Meterhub iec104-server {version('meterhub-iec104')}"),
            (say("Common address of ASDU"), str(config.common_address)),
            (say("Made (UTC)"), f"{moment(self._hub.time.now()):%Y-%m-%d %H:%M:%S}"),
        ]
        if which == "signal-list":
            return as_html(signals.document(config, units, facts, say, language))
        return as_html(interoperability.document(config, facts, say, language))

    async def _units(self) -> dict[str, str]:
        """The units of all points of the lists, as far as the hub knows them now."""
        config = self._config
        names = {name for group in config.groups for row in group.rows for name in row.names}
        names |= {name for _, row in config.commands.rows(config.common_address) for name in row.points}
        if not names:
            return {}
        try:
            async with asyncio.timeout(_UNITS_TIMEOUT):
                async for now in self._hub.points.latest(*names):
                    return {name: reading.unit for name, reading in now.items()}
        except TimeoutError:
            pass
        return {}


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        raise Refused("there is no such list yet; begin with offset 0, which makes it") from None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(text.encode())
    part.replace(path)
