"""Where uploaded plugins are kept: whole or not at all, and which of two releases counts."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from meterhub.synthesizers import shelf as room
from meterhub.synthesizers.shelf import Kept, Shelf, newest
from meterhub.trust import Candidate

INFO = "acme_gain-{0}.dist-info"


def verified(version: str) -> Any:
    info = INFO.format(version)
    content = {
        "acme_gain/__init__.py": b"",
        "acme_gain/deep/table.txt": b"1 2 3",
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: Acme_Gain\nVersion: {version}\n".encode(),
        f"{info}/entry_points.txt": b"[meterhub.plugins]\ngain = acme_gain\n",
    }
    return SimpleNamespace(manifest=SimpleNamespace(name="acme-gain", version=version, dist_info=info), content=content)


def put(shelf: Shelf, version: str) -> Kept:
    directory = shelf.lay_out(verified(version), b"signature")
    kept = Kept(directory=directory, version=version, release="r", installed=1, installed_by="olga", file="x.whl")
    shelf.put("acme-gain", kept)
    return kept


def candidate(version: str, source: Path | None = None, place: str = "site") -> Candidate:
    return Candidate("acme-gain", version, Path(place, INFO.format(version)), source)


def test_one_release_counts_and_the_others_go(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    assert (shelf.names(), shelf.candidates()) == ([], [])
    shelf.tidy()
    put(shelf, "1.0.0")
    kept = put(shelf, "2.0.0")
    shelf.lay_out(verified("3.0.0"), b"signature")
    (found,) = shelf.candidates()
    assert (found.name, found.version, found.source) == ("acme-gain", "2.0.0", None)
    assert (found.dist_info / "meterhub-plugin.jws").read_bytes() == b"signature"
    assert (found.root / "acme_gain" / "deep" / "table.txt").read_bytes() == b"1 2 3"
    shelf.tidy()
    assert {path.name for path in (tmp_path / "synthesizers" / "acme-gain").iterdir()} == {
        "current.json",
        kept.directory,
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "synthesizers").rglob("*"))
    shelf.remove("acme-gain")
    assert shelf.candidates() == []
    shelf.tidy()
    assert list((tmp_path / "synthesizers").iterdir()) == []


def test_a_disk_that_fills_up_leaves_nothing_of_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    put(shelf, "1.0.0")
    synced: list[int] = []

    def full(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(room.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        shelf.lay_out(verified("2.0.0"), b"signature")
    assert len(list((tmp_path / "synthesizers" / "acme-gain").iterdir())) == 2
    assert [found.version for found in shelf.candidates()] == ["1.0.0"]


@pytest.mark.parametrize("directory", ["..", "../../configuration", "/etc", ".hidden", "gone"])
def test_a_record_leads_nowhere_else(tmp_path: Path, directory: str) -> None:
    shelf = Shelf(tmp_path)
    kept = put(shelf, "1.0.0")
    record = Kept(**{**{f: getattr(kept, f) for f in kept.__struct_fields__}, "directory": directory})
    shelf.put("acme-gain", record)
    assert shelf.candidates() == []


CHECKOUT = Path("src")
NEWER = {
    "nothing-installed": ([], "1.0.0", "shelf"),
    "newer": ([candidate("1.0.0")], "1.10.0", "shelf"),
    "older": ([candidate("1.10.0")], "1.9.0", "site"),
    "the-same": ([candidate("1.0.0")], "1.0.0", "site"),
    "a-checkout": ([candidate("0.1.0", CHECKOUT)], "9.0.0", "site"),
    "no-version": ([candidate("made up")], "0.1", "shelf"),
}


@pytest.mark.parametrize("case", NEWER)
def test_of_an_installed_and_an_uploaded_one_the_newer_counts(case: str) -> None:
    installed, uploaded, winner = NEWER[case]
    (found,) = newest(installed, [candidate(uploaded, place="shelf")])
    assert found.dist_info.parts[0] == winner
