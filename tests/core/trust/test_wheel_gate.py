"""The install gate: a wheel is judged before anything unpacks it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from meterhub.trust import Invalid, Modified, TrustError, Unsigned, Untrusted, verify_wheel


def add(wheel: Path, name: str | zipfile.ZipInfo, data: bytes = b"") -> None:
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr(name, data)


def test_a_signed_wheel_tells_who_what_and_why(workshop: Any) -> None:
    workshop.trusted()
    plugin = verify_wheel(workshop.signed(), workshop.trust)
    assert plugin.publisher.name == "ACME Metering"
    assert (plugin.manifest.name, plugin.manifest.version) == ("acme-adder", "1.0.0")
    assert plugin.manifest.capabilities == ("points.read:meter/*", "network")
    assert plugin.modules == {"adder": "acme_adder"}
    assert plugin.description is None


@pytest.mark.parametrize(
    ("name", "expected", "sentence"),
    [
        ("evil.pth", Invalid, "evil.pth lies outside"),
        ("acme_adder/evil.pth", Invalid, "cannot be signed"),
        ("acme_adder-1.0.0.data/scripts/evil", Invalid, "lies outside"),
        ("acme_adder/evil.so", Invalid, "cannot be signed"),
        ("acme_adder/__pycache__/sums.cpython-311.pyc", Invalid, "cannot be signed"),
        ("other_package/__init__.py", Invalid, "one package and one .dist-info"),
        ("acme_adder/../../evil.py", Invalid, "not a plain relative one"),
        ("/etc/evil.py", Invalid, "not a plain relative one"),
        ("acme_adder/new.py", Modified, "acme_adder/new.py was added"),
        ("acme_adder-1.0.0.dist-info/new.txt", Modified, "was added"),
    ],
)
def test_a_file_added_to_a_signed_wheel_is_refused(
    workshop: Any, name: str, expected: type[TrustError], sentence: str
) -> None:
    workshop.trusted()
    wheel = workshop.signed()
    add(wheel, name)
    with pytest.raises(expected, match=sentence):
        verify_wheel(wheel, workshop.trust)


def test_a_member_without_a_name_is_refused(workshop: Any) -> None:
    workshop.trusted()
    wheel = workshop.signed()
    add(wheel, "zz-evil")
    wheel.write_bytes(wheel.read_bytes().replace(b"zz-evil", b"\0z-evil"))  # a name ends at its first zero octet
    with pytest.raises(Invalid, match="too long or holds a character that has no place"):
        verify_wheel(wheel, workshop.trust)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_is_there_twice_is_refused(workshop: Any) -> None:
    workshop.trusted()
    wheel = workshop.signed()
    add(wheel, "acme_adder/sums.py", workshop.evil.encode())
    with pytest.raises(Invalid, match="is in the wheel twice"):
        verify_wheel(wheel, workshop.trust)


def test_a_changed_file_is_named(workshop: Any) -> None:
    workshop.trusted()
    wheel = workshop.signed()
    with zipfile.ZipFile(wheel) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["acme_adder/sums.py"] = workshop.evil.encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(Modified, match=r"acme_adder/sums\.py was changed"):
        verify_wheel(wheel, workshop.trust)


def test_a_bomb_is_refused_before_it_is_unpacked(workshop: Any) -> None:
    workshop.trusted()
    wheel = workshop.signed()
    with zipfile.ZipFile(wheel, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("acme_adder/zeros", "w") as member:
        for _ in range(17):
            member.write(bytes(2**20))
    with pytest.raises(Invalid, match="at most 16 MB will do"):
        verify_wheel(wheel, workshop.trust)


def test_too_many_members_are_refused(workshop: Any) -> None:
    workshop.trusted()
    wheel = workshop.wheel({f"acme_adder/{number}.txt": "" for number in range(2_100)})
    with pytest.raises(Invalid, match="2,110 members"):
        verify_wheel(wheel, workshop.trust)


def test_damage_is_called_damage(workshop: Any) -> None:
    workshop.trusted()
    wheel = workshop.signed()
    wheel.write_bytes(wheel.read_bytes()[:-200])
    with pytest.raises(Invalid, match="the wheel is damaged"):
        verify_wheel(wheel, workshop.trust)


def test_unsigned_and_untrusted_wheels_are_refused(workshop: Any) -> None:
    with pytest.raises(Unsigned):
        verify_wheel(workshop.wheel(), workshop.trust)
    with pytest.raises(Untrusted):
        verify_wheel(workshop.signed(), workshop.trust)


def test_a_wheel_under_another_name_is_refused(workshop: Any) -> None:
    workshop.trusted()
    renamed = workshop.signed().rename(workshop.directory / "acme_adder-1.0.1-py3-none-any.whl")
    with pytest.raises(Invalid, match=r"holds acme-adder 1\.0\.0"):
        verify_wheel(renamed, workshop.trust)
