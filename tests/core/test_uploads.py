"""The spool: pieces in order, whole or not at all, each user's own, bounded, and gone after an hour."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Refused

from meterhub import uploads
from meterhub.uploads import CHUNK_LIMIT, COUNT_LIMIT, FILE_LIMIT, LIFETIME, OWNER_LIMIT, TOTAL_LIMIT, Uploads

CONTENT = bytes(range(256)) * 10
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "acme_losses-1.0.0-py3-none-any.whl"


class Clock:
    """Seconds that pass when the test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spool(tmp_path: Path, clock: Clock) -> Uploads:
    return Uploads(tmp_path / "uploads", clock)


def send(spool: Uploads, content: bytes = CONTENT, owner: str = "olga", piece: int = 1000) -> str:
    begun = spool.begin(owner, NAME, len(content))
    for offset in range(0, len(content), piece):
        spool.append(owner, begun.id, offset, content[offset : offset + piece])
    return begun.id


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "uploads").rglob("*"))


async def test_pieces_become_the_file_that_was_sent(spool: Uploads, tmp_path: Path) -> None:
    identity = send(spool)
    with pytest.raises(Refused, match="is not finished; finish it first"):
        spool.finished("olga", identity)
    await spool.finish("olga", identity, SHA256.upper())
    whole = spool.finished("olga", identity)
    assert (whole.name, whole.path.read_bytes()) == (NAME, CONTENT)
    with pytest.raises(Refused, match="is finished; nothing can be added"):
        spool.append("olga", identity, len(CONTENT), b"")
    spool.cancel("olga", identity)
    assert files(tmp_path) == []


@pytest.mark.parametrize("offset", [0, 999, 1001, FILE_LIMIT])
def test_a_piece_out_of_order_is_refused_and_changes_nothing(spool: Uploads, offset: int) -> None:
    begun = spool.begin("olga", NAME, len(CONTENT))
    spool.append("olga", begun.id, 0, CONTENT[:1000])
    with pytest.raises(Refused, match=f"offset: {offset} was given; the next piece of .* begins at 1000"):
        spool.append("olga", begun.id, offset, b"x")
    assert begun.path.read_bytes() == CONTENT[:1000]


def test_more_than_was_announced_is_refused(spool: Uploads) -> None:
    begun = spool.begin("olga", NAME, 10)
    with pytest.raises(Refused, match="announced with 10 bytes; this piece would make it longer"):
        spool.append("olga", begun.id, 0, bytes(11))
    with pytest.raises(Refused, match="at most 500,000 will do"):
        spool.append("olga", begun.id, 0, bytes(CHUNK_LIMIT + 1))
    assert begun.path.read_bytes() == b""


@pytest.mark.parametrize("size", [0, -1, FILE_LIMIT + 1])
def test_a_size_beyond_the_limit_is_refused(spool: Uploads, size: int) -> None:
    with pytest.raises(Refused, match="1 to 33,554,432 will do"):
        spool.begin("olga", NAME, size)


async def test_one_cut_off_half_way_is_taken_up_again_after_a_restart(spool: Uploads, tmp_path: Path) -> None:
    begun = spool.begin("olga", NAME, len(CONTENT))
    spool.append("olga", begun.id, 0, CONTENT[:1500])
    with pytest.raises(Refused, match="is not whole: 1,060 of 2,560 bytes are missing"):
        await spool.finish("olga", begun.id, SHA256)
    again = Uploads(tmp_path / "uploads")
    (found,) = again.of("olga")
    assert (found.id, found.offset, found.finished) == (begun.id, 1500, False)
    again.append("olga", found.id, 1500, CONTENT[1500:])
    await again.finish("olga", found.id, SHA256)
    (found,) = Uploads(tmp_path / "uploads").of("olga")
    assert found.finished


async def test_a_damaged_one_begins_anew(spool: Uploads) -> None:
    identity = send(spool)
    with pytest.raises(Refused, match="did not arrive as it was sent"):
        await spool.finish("olga", identity, hashlib.sha256(b"another").hexdigest())
    spool.append("olga", identity, 0, CONTENT)
    await spool.finish("olga", identity, SHA256)


async def test_nobody_touches_the_uploads_of_others(spool: Uploads) -> None:
    identity = send(spool)
    assert spool.of("mallory") == []
    for attempt in (
        lambda: spool.append("mallory", identity, len(CONTENT), b""),
        lambda: spool.cancel("mallory", identity),
        lambda: spool.finished("mallory", identity),
    ):
        with pytest.raises(Refused, match="of yours; it may have expired"):
            attempt()
    with pytest.raises(Refused, match="there is no upload"):
        await spool.finish("mallory", identity, SHA256)
    for made_up in ("", "../../etc", "x" * 10_000):
        with pytest.raises(Refused, match="there is no upload"):
            spool.cancel("olga", made_up)


def test_an_hour_after_the_last_touch_it_is_gone(spool: Uploads, clock: Clock, tmp_path: Path) -> None:
    begun = spool.begin("olga", NAME, 10)
    clock.now += LIFETIME - 1
    spool.append("olga", begun.id, 0, b"touch")
    clock.now += LIFETIME - 1
    assert spool.left(begun) == 1
    clock.now += 1
    with pytest.raises(Refused, match="it may have expired"):
        spool.append("olga", begun.id, 5, b"again")
    assert files(tmp_path) == []


def test_room_is_bounded_for_each_user_and_for_all(spool: Uploads, clock: Clock) -> None:
    for _ in range(OWNER_LIMIT):
        spool.begin("olga", NAME, 1)
    with pytest.raises(Refused, match="too many uploads are open"):
        spool.begin("olga", NAME, 1)
    for number in range(COUNT_LIMIT - OWNER_LIMIT):
        spool.begin(f"user-{number}", NAME, 1)
    with pytest.raises(Refused, match="too many uploads are open"):
        spool.begin("petra", NAME, 1)
    clock.now += LIFETIME
    for number in range(TOTAL_LIMIT // FILE_LIMIT):
        spool.begin(f"user-{number}", NAME, FILE_LIMIT)
    with pytest.raises(Refused, match="more than 128 MiB together"):
        spool.begin("petra", NAME, 1)


def test_a_full_disk_is_told_before_and_costs_only_the_piece(
    spool: Uploads, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun = spool.begin("olga", NAME, len(CONTENT))
    spool.append("olga", begun.id, 0, CONTENT[:1000])
    begun.path.write_bytes(CONTENT[:1300])  # what a full disk leaves of a piece
    spool.append("olga", begun.id, 1000, CONTENT[1000:1100])
    assert begun.path.read_bytes() == CONTENT[:1100]

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads, "replace_atomically", full)
    with pytest.raises(OSError, match="No space left"):
        spool.begin("olga", NAME, 1)
    assert len(spool.of("olga")) == 1
    assert len(list((tmp_path / "uploads").iterdir())) == 1
    monkeypatch.setattr(uploads.os, "statvfs", lambda _: type("Room", (), {"f_bavail": 1, "f_frsize": 1}))
    with pytest.raises(Refused, match="the disk has no room for 10 bytes"):
        spool.begin("olga", NAME, 10)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x.whl", "/etc/passwd", "a\\b", "a\nb", "a\0b", "\udcff", "x" * 201]
)
def test_a_name_that_leads_elsewhere_is_refused(spool: Uploads, name: str) -> None:
    with pytest.raises(Refused, match="file name"):
        spool.begin("olga", name, 1)


@given(st.text(max_size=250))
def test_a_name_that_is_taken_is_that_of_one_file(name: str) -> None:
    try:
        uploads.check_file_name(name)
    except Refused:
        return
    assert Path("/spool", name).resolve().parent == Path("/spool")


def test_strangers_in_the_spool_are_swept_out_at_the_start(spool: Uploads, tmp_path: Path) -> None:
    identity = send(spool)
    directory = tmp_path / "uploads"
    (directory / "half-made").mkdir()
    (directory / "file").write_text("x")
    (directory / "link").symlink_to(tmp_path)
    (directory / "wrong").mkdir()
    (directory / "wrong" / "upload.json").write_text('{"owner": 3}')
    (directory / identity / "content").write_bytes(CONTENT + b"more than announced")
    assert Uploads(directory).of("olga") == []
    assert files(tmp_path) == []
    assert tmp_path.is_dir()


async def test_one_cancelled_while_it_is_checked_is_not_finished(spool: Uploads) -> None:
    identity = send(spool)
    finishing = asyncio.create_task(spool.finish("olga", identity, SHA256))
    await asyncio.sleep(0)
    spool.cancel("olga", identity)
    with pytest.raises((Refused, OSError)):
        await finishing
    assert spool.of("olga") == []


def test_a_private_directory_is_gone_afterwards(spool: Uploads, tmp_path: Path) -> None:
    with spool.private() as directory:
        assert directory.stat().st_mode & 0o077 == 0
        (directory / NAME).write_bytes(b"x")
    assert files(tmp_path) == []
