"""Downloads: prepared in the background, fetched in pieces by whoever asked for them, bounded, cancelled."""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from meterhub_sdk import Refused

from meterhub import downloads as module
from meterhub.downloads import COUNT_LIMIT, LIFETIME, Downloads
from meterhub.exports import exported


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def downloads(tmp_path: Path, clock: Clock) -> AsyncIterator[Downloads]:
    made = Downloads(tmp_path / "downloads", clock)
    yield made
    await made.close()
    assert list((tmp_path / "downloads").iterdir()) == []


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def endless() -> AsyncIterator[bytes]:
    yield b"x"
    await asyncio.Event().wait()


async def test_a_file_is_fetched_in_pieces_by_its_owner_only(downloads, until, monkeypatch) -> None:
    monkeypatch.setattr(module, "CHUNK_LIMIT", 4)
    made = downloads.prepare("anna", "log.txt", pieces(b"hello ", b"world"))
    await until(lambda: made.state == "ready")
    assert [downloads.read("anna", made.id, offset) for offset in (0, 4, 8, 11)] == [b"hell", b"o wo", b"rld", b""]
    assert made.path.stat().st_mode & 0o077 == 0
    with pytest.raises(Refused, match="there is no download"):
        downloads.read("eve", made.id, 0)
    assert downloads.of("eve") == []


async def test_what_is_not_ready_says_so(downloads, until) -> None:
    made = downloads.prepare("anna", "log.txt", endless())
    with pytest.raises(Refused, match=r"log\.txt is not ready: it is being prepared"):
        downloads.read("anna", made.id, 0)
    await downloads.cancel(*downloads.of("anna"))
    assert downloads.of("anna") == []


@pytest.mark.parametrize(
    ("failure", "said"), [(Refused("no right to that"), "no right to that"), (KeyError("x"), "KeyError: 'x'")]
)
async def test_a_failure_is_told_and_leaves_no_file(downloads, until, failure, said) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"half"
        raise failure

    made = downloads.prepare("anna", "log.txt", failing())
    await until(lambda: made.state == "failed")
    assert made.detail == said
    assert not made.path.exists()


async def test_there_is_room_for_so_many_and_for_so_much(downloads, until, monkeypatch) -> None:
    monkeypatch.setattr(module, "FILE_LIMIT", 3)
    made = downloads.prepare("anna", "log.txt", pieces(b"12", b"34"))
    await until(lambda: made.state == "failed")
    for _ in range(COUNT_LIMIT - 1):
        downloads.prepare("anna", "more", endless())
    with pytest.raises(Refused, match="cancel one of them"):
        downloads.prepare("anna", "one more", endless())


async def test_what_nobody_fetches_goes_after_an_hour(downloads, until, clock) -> None:
    made = downloads.prepare("anna", "log.txt", pieces(b"x"))
    await until(lambda: made.state == "ready")
    clock.now += LIFETIME - 1
    downloads.read("anna", made.id, 0)
    clock.now += LIFETIME - 1
    downloads.expire()
    assert downloads.of("anna") == [made]
    clock.now += 1
    downloads.expire()
    assert downloads.of("anna") == []


def test_what_an_instance_left_is_gone_at_the_next_start(tmp_path) -> None:
    (tmp_path / "downloads").mkdir()
    (tmp_path / "downloads" / "left").write_text("x")
    Downloads(tmp_path / "downloads")
    assert list((tmp_path / "downloads").iterdir()) == []


# -- exports ----------------------------------------------------------------------------------

ROWS = [{"name": f"p{number}", "value": number, "at": {"place": f"x{number}"}, "tags": [1, 2]} for number in range(5)]


async def page(arguments):
    start = int(arguments.get("after") or 0)
    return {"rows": ROWS[start : start + 2], "next": str(start + 2) if start + 2 < len(ROWS) else None}


async def all_of(kind, ask=page, known=("after", "limit")) -> str:
    return b"".join([piece async for piece in exported(ask, {}, known, kind)]).decode()


async def test_every_page_is_in_the_file() -> None:
    assert [row for answer in json.loads(await all_of("json")) for row in answer["rows"]] == ROWS
    assert [json.loads(line) for line in (await all_of("jsonl")).splitlines()] == ROWS
    rows = list(csv.DictReader((await all_of("csv")).splitlines()))
    assert [(row["name"], row["value"], row["at.place"], row["tags"]) for row in rows] == [
        (f"p{number}", str(number), f"x{number}", "[1,2]") for number in range(5)
    ]


async def test_a_query_without_pages_is_asked_once() -> None:
    assert len((await all_of("jsonl", known=())).splitlines()) == 2


async def test_text_that_a_spreadsheet_would_run_is_marked() -> None:
    async def ask(_):
        return [{"text": "=HYPERLINK(1)"}, {"text": "fine"}]

    assert (await all_of("csv", ask)).splitlines() == ["text", "'=HYPERLINK(1)", "fine"]


async def test_an_answer_without_rows_is_no_table() -> None:
    async def ask(_):
        return {"version": 1}

    with pytest.raises(Refused, match="holds no rows; take the format json"):
        await all_of("csv", ask)
    assert json.loads(await all_of("json", ask)) == [{"version": 1}]
