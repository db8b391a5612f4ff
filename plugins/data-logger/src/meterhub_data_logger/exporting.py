"""Exports: files of entries in the service's own directory, prepared by a command and bounded in size and number."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub_data_logger.answering import Reader, cursor
from meterhub_data_logger.asking import COLUMNS, Export, ExportArguments, ExportList, Piece, fields
from meterhub_data_logger.moments import shown
from meterhub_data_logger.search import Wanted
from meterhub_data_logger.wear import MEGABYTE

KEPT = 10
_NAME = re.compile(r"[0-9A-Za-z-]{1,80}\.(csv|jsonl)")
_AT_ONCE = 2_000
_PIECE = 200_000


class Exports:
    """The files below ``directory``; at most ten, and twice the limit of one, are kept: the oldest make room."""

    def __init__(self, directory: Path, limit: int, reader: Reader) -> None:
        self._directory = directory
        self._limit = limit * MEGABYTE
        self._reader = reader
        self._busy = False

    async def prepare(self, arguments: ExportArguments, now: int) -> Export:
        """Write an export; ``Refused`` while another one is being written, or when the disk is full."""
        wanted = self._reader.wanted(arguments, now)
        if self._busy:
            raise Refused("another export is being prepared; wait until it is done")
        self._busy = True
        try:
            return await self._reader.in_thread(lambda: self._write(arguments.format, wanted, now))
        except OSError as error:
            raise Refused(f"the export cannot be written: {error.strerror}; make room and try again") from error
        finally:
            self._busy = False

    def found(self) -> ExportList:
        """What is there, the newest last."""
        return ExportList(exports=[Export(name=path.name, bytes=path.stat().st_size) for path in self._files()])

    def delete(self, name: str) -> None:
        """Remove one; ``Refused`` when it is not there."""
        self._path(name).unlink(missing_ok=True)

    def piece(self, name: str, offset: int) -> Piece:
        """Whole lines from ``offset`` on, about 200 kB."""
        with self._path(name).open("rb") as file:
            file.seek(offset)
            data = file.read(_PIECE)
            data += file.readline()
            more = file.read(1)
        return Piece(text=data.decode("utf-8", "replace"), next=offset + len(data) if more else None)

    def tidy(self) -> None:
        """Remove what an end without warning left unfinished."""
        for path in self._directory.glob("*.part"):
            path.unlink(missing_ok=True)

    def _write(self, form: str, wanted: Wanted, now: int) -> Export:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        path = self._new_path(form, now)
        part = path.with_name(path.name + ".part")
        try:
            with part.open("xb") as file:
                written = self._fill(file, form, wanted)
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        self._make_room()
        return written.model_copy(update={"name": path.name, "bytes": path.stat().st_size})

    def _make_room(self) -> None:
        files = self._files()
        while len(files) > KEPT or (len(files) > 1 and sum(path.stat().st_size for path in files) > 2 * self._limit):
            files.pop(0).unlink(missing_ok=True)

    def _fill(self, file: io.BufferedWriter, form: str, wanted: Wanted) -> Export:
        """Write entries up to the limit; answers how many, and where to go on."""
        encode: Callable[[Iterable[tuple[Any, ...]]], bytes] = _csv if form == "csv" else _json_lines
        size = file.write(b"" if form == "jsonl" else (",".join(COLUMNS) + "\r\n").encode())
        entries, last = 0, ""
        rows, known = self._reader.rows(wanted), self._reader.catalogue.by_id
        while piece := list(itertools.islice(rows, _AT_ONCE)):
            if size >= self._limit:
                return Export(name="", bytes=size, entries=entries, next=last)
            size += file.write(encode([fields(row, known[row[2]]) for row in piece]))
            entries += len(piece)
            last = cursor(*piece[-1][:2])
        return Export(name="", bytes=size, entries=entries)

    def _new_path(self, form: str, now: int) -> Path:
        stem = re.sub(r"[-:]", "", shown(now).partition(".")[0])
        for number in itertools.count(1):
            path = self._directory / f"log-{stem}-{number}.{form}"
            if not path.exists():
                return path
        raise AssertionError

    def _files(self) -> list[Path]:
        found = [path for path in self._directory.glob("log-*") if _NAME.fullmatch(path.name)]
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _path(self, name: str) -> Path:
        path = self._directory / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise Refused(f"{name[:80]!r} is no export that is here; the command exports lists them")
        return path


def _csv(entries: Iterable[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    flags = COLUMNS.index("flags")
    csv.writer(text).writerows((*item[:flags], " ".join(item[flags]), *item[flags + 1 :]) for item in entries)
    return text.getvalue().encode()


def _json_lines(entries: Iterable[tuple[Any, ...]]) -> bytes:
    lines = (json.dumps(dict(zip(COLUMNS, item, strict=True))) for item in entries)
    return "".join(f"{line}\n" for line in lines).encode()
