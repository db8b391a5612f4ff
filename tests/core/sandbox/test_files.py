"""What is outside the granted trees stays closed, and what is inside works."""

from __future__ import annotations

import os
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("files_confined")


def test_only_granted_files_can_be_read(anyone: Any) -> None:
    granted = anyone.place / "granted"
    granted.mkdir()
    (granted / "inner").write_text("x")
    found = anyone.inside(
        f"""
        granted = Path({str(granted)!r})
        answer(
            secret=attempt((outside / "secret").read_text),
            through_proc=attempt(Path(f"/proc/self/root{{outside}}/secret").read_text),
            listing=attempt(os.listdir, outside),
            etc=attempt(Path("/etc/passwd").read_text),
            granted=attempt((granted / "inner").read_text),
            granted_listing=os.listdir(granted),
            granted_write=attempt((granted / "new").write_text, "x"),
        )
        """,
        read=[granted],
    )
    refused = ("secret", "through_proc", "listing", "etc", "granted_write")
    assert {found.pop(name) for name in refused} == {"EACCES"}
    assert found == {"granted": "done", "granted_listing": ["inner"]}


def test_nothing_outside_the_own_directory_can_be_changed(anyone: Any) -> None:
    found = anyone.inside(
        """
        secret = outside / "secret"
        (own / "link").symlink_to(secret)
        (own / "mine").write_text("x")
        answer(
            create=attempt((outside / "new").write_text, "x"),
            overwrite=attempt(secret.write_text, "x"),
            through_link=attempt((own / "link").write_text, "x"),
            truncate=attempt(os.truncate, secret, 0),
            remove=attempt(secret.unlink),
            rename=attempt(os.rename, secret, outside / "other"),
            move_in=attempt(os.rename, secret, own / "stolen"),
            move_out=attempt(os.rename, own / "mine", outside / "mine"),
            hard_link=attempt(os.link, secret, own / "linked"),
            directory=attempt((outside / "directory").mkdir),
            device=attempt(os.mknod, own / "disk", 0o60600, os.makedev(8, 0)),
        )
        """
    )
    assert set(found.values()) <= {"EACCES", "EXDEV", "EPERM"}, found
    assert anyone.secret.read_text() == "the meter's key"
    assert os.listdir(anyone.outside) == ["secret"]


def test_the_own_directory_takes_everything_that_programs_do_with_files(anyone: Any) -> None:
    found = anyone.inside(
        """
        import tempfile
        (own / "a" / "b").mkdir(parents=True)
        (own / "a" / "b" / "file").write_text("long text")
        os.truncate(own / "a" / "b" / "file", 4)
        os.replace(own / "a" / "b" / "file", own / "file")
        (own / "link").symlink_to("file")
        with tempfile.TemporaryDirectory(dir=own) as directory:
            Path(directory, "x").touch(0o600)
        with open("/dev/null", "wb") as nothing:
            nothing.write(b"x")
        answer(text=(own / "link").read_text(), left=sorted(os.listdir(own)))
        """
    )
    assert found == {"text": "long", "left": ["a", "file", "link"]}


def test_a_granted_serial_device_can_be_opened_and_configured_and_others_cannot(bench: Any) -> None:
    found = bench.run(
        """
        import termios, tty
        pairs = [os.openpty() for _ in range(2)]
        names = [os.ttyname(terminal) for _, terminal in pairs]
        given["profile"]["serial"] = names[:1]
        confine()
        with open(names[0], "r+b", buffering=0) as port:
            tty.setraw(port)
            settings = termios.tcgetattr(port)
            settings[4] = settings[5] = termios.B9600
            termios.tcsetattr(port, termios.TCSANOW, settings)
            port.write(b"/?!\\r\\n")
        answer(seen=os.read(pairs[0][0], 5).decode(), other=attempt(open, names[1], "rb"))
        """
    )
    assert found == {"seen": "/?!\r\n", "other": "EACCES"}


def test_what_is_missing_is_skipped(bench: Any) -> None:
    found = bench.inside(
        "answer(missing=report.missing, own=attempt((own / 'x').write_text, 'x'))",
        read=["/nowhere", "/etc/hostname/below"],
        write=["/nowhere/either"],
        serial=["/dev/ttyNOWHERE"],
    )
    assert found["own"] == "done"


@pytest.mark.parametrize(
    ("field", "path", "words"),
    [("write", "own/link", "is a symbolic link"), ("serial", "outside/secret", "is not a character device")],
)
def test_a_profile_that_would_open_something_else_is_refused(bench: Any, field: str, path: str, words: str) -> None:
    (bench.own / "link").symlink_to(bench.outside)
    found = bench.run(
        """
        from meterhub.sandbox import SandboxError
        try:
            confine()
        except SandboxError as error:
            answer(error=str(error), still_open=attempt((outside / "secret").read_text))
        """,
        **{field: [bench.place / path]},
    )
    assert words in found["error"]
    assert str(bench.place / path) in found["error"]
    assert found["still_open"] == "done"
