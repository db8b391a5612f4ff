"""Exports: files of entries in the service's own directory, prepared by a command and bounded in size and number."""

from __future__ import annotations

import base64
import io
import itertools
import os
import re
from contextlib import closing, suppress
from pathlib import Path

from meterhub_sdk import Refused

from meterhub_data_logger.answering import Reader, cursor
from meterhub_data_logger.asking import Export, ExportArguments, ExportList, Piece
from meterhub_data_logger.forms import FORMS, FormName
from meterhub_data_logger.moments import shown
from meterhub_data_logger.search import Wanted
from meterhub_data_logger.wear import MEGABYTE

KEPT = 10
_NAME = re.compile(r"[0-9A-Za-z-]{1,80}\.(csv|jsonl|parquet)")
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
        """What is in a file from ``offset`` on, about 200 kB: whole lines, or Base64 of what has none."""
        path = self._path(name)
        lines = path.suffix != ".parquet"
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(_PIECE)
            data += file.readline() if lines else b""
            more = file.read(1)
        text = data.decode("utf-8", "replace") if lines else base64.b64encode(data).decode()
        return Piece(text=text, base64=not lines, next=offset + len(data) if more else None)

    def tidy(self) -> None:
        """Remove what an end without warning left unfinished."""
        for path in self._directory.glob("*.part"):
            path.unlink(missing_ok=True)

    def _write(self, form: FormName, wanted: Wanted, now: int) -> Export:
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

    def _fill(self, file: io.BufferedWriter, name: FormName, wanted: Wanted) -> Export:
        """Write entries up to the limit; answers how many, and where to go on."""
        entries, last = 0, ""
        rows, known = self._reader.rows(wanted), self._reader.catalogue.by_id
        with closing(FORMS[name](file)) as form:
            while piece := list(itertools.islice(rows, form.at_once)):
                if file.tell() >= self._limit:
                    return Export(name="", bytes=0, entries=entries, next=last)
                form.write([(row, known[row[2]]) for row in piece])
                entries += len(piece)
                last = cursor(*piece[-1][:2])
        return Export(name="", bytes=0, entries=entries)

    def _new_path(self, form: FormName, now: int) -> Path:
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
