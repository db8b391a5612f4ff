"""Files are replaced whole or not at all, made once, and never read beyond a limit."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterhub.files import FileRefused, create_once, read_limited, read_private, remove, replace_atomically


def leftovers(directory):
    return [path.name for path in directory.iterdir() if path.name.endswith(".tmp")]


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_replaced_file_has_the_new_content_and_nothing_is_left_over(tmp_path):
    path = tmp_path / "config.json"
    for content in (b"old", b"", b"new" * 10_000):
        replace_atomically(path, content)
        assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.json"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_a_file_has_the_mode_asked_for_whatever_the_umask(tmp_path, no_umask, mode):
    for write in (replace_atomically, create_once):
        path = tmp_path / write.__name__
        write(path, b"x", mode)
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("fails", ["rename", "fsync"])
def test_a_replacement_that_fails_leaves_the_old_content_and_no_rubbish(tmp_path, monkeypatch, fails):
    path = tmp_path / "config.json"
    path.write_bytes(b"old")

    def no_space(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path if fails == "rename" else os, fails, no_space)
    with pytest.raises(OSError, match="No space"):
        replace_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []


def test_the_content_is_on_disk_before_the_name_and_the_name_before_the_return(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    steps = []
    fsync, rename = os.fsync, Path.rename

    def note_fsync(descriptor):
        steps.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        fsync(descriptor)

    def note_rename(self, target):
        steps.append("name")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    replace_atomically(path, b"new")
    assert steps == ["content", "name", "directory"]


def test_what_a_power_cut_left_over_disturbs_nothing(tmp_path):
    path = tmp_path / "config.json"
    replace_atomically(path, b"old")
    (tmp_path / ".config.json.0123456789abcdef.tmp").write_bytes(b"half of the ne")
    assert read_limited(path, 100) == b"old"
    replace_atomically(path, b"new")
    assert read_limited(path, 100) == b"new"


def test_a_file_made_once_is_never_written_over(tmp_path):
    path = tmp_path / "key"
    create_once(path, b"first")
    with pytest.raises(FileExistsError):
        create_once(path, b"second")
    assert path.read_bytes() == b"first"
    assert leftovers(tmp_path) == []


def test_a_removed_file_is_gone_and_removing_it_again_is_no_fault(tmp_path):
    path = tmp_path / "licence"
    path.write_bytes(b"x")
    remove(path)
    remove(path)
    assert not path.exists()


@given(size=st.integers(0, 60), limit=st.integers(0, 60))
def test_a_file_is_read_whole_or_refused_for_its_size(tmp_path_factory, size, limit):
    path = tmp_path_factory.getbasetemp() / "limited"
    path.write_bytes(b"x" * size)
    if size <= limit:
        assert read_limited(path, limit) == b"x" * size
    else:
        with pytest.raises(FileRefused, match=f"larger than the {limit} bytes"):
            read_limited(path, limit)


def test_pipes_devices_and_directories_are_refused_without_waiting(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(FileRefused, match="not a regular file"):
            read_limited(path, 10)
    with pytest.raises(FileNotFoundError):
        read_limited(tmp_path / "absent", 10)


def test_a_key_that_others_may_read_is_mended_and_the_log_says_so(tmp_path, caplog):
    path = tmp_path / "key"
    path.write_bytes(b"k")
    path.chmod(0o644)
    assert read_private(path, 10) == b"k"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "0644" in caplog.text
    caplog.clear()
    assert read_private(path, 10) == b"k"
    assert caplog.text == ""
