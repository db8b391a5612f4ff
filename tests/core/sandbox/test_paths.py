"""Python's own places are granted, and the core's home never is, wherever it lies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meterhub.sandbox import python_paths


def covered(path: Path, granted: tuple[Path, ...]) -> bool:
    return any(path.resolve().is_relative_to(tree.resolve()) for tree in granted)


def test_python_and_its_libraries_are_granted_and_secrets_are_not() -> None:
    granted = python_paths()
    for module in ("json", "pydantic", "meterhub"):
        assert covered(Path(__import__(module).__file__ or ""), granted)
    for secret in ("/etc/shadow", "/etc/ssl/private/key.pem", "/root/.ssh/id_ed25519", "/etc/passwd"):
        assert not covered(Path(secret), granted)


def test_resolving_names_is_granted_with_network_only() -> None:
    assert Path("/etc/resolv.conf") in python_paths(network=True)
    assert Path("/etc/resolv.conf") not in python_paths()


def test_the_own_process_is_named_without_resolving_it() -> None:
    assert Path("/proc/self") in python_paths(exclude=Path.cwd())


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout on sys.path with an instance's home in its middle."""
    for name in ("src/package", "var/demo-home/plugins", "var/log"):
        (tmp_path / "checkout" / name).mkdir(parents=True)
    (tmp_path / "checkout" / "module.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "checkout"), ""])
    return tmp_path / "checkout"


def test_a_home_inside_a_tree_is_left_out_and_its_neighbours_are_kept(checkout: Path) -> None:
    home = checkout / "var" / "demo-home"
    (checkout / "way-in").symlink_to(home)
    (checkout / "round").symlink_to(checkout)
    granted = python_paths(exclude=home)
    inside = [path for path in granted if path.is_relative_to(checkout)]
    assert inside == [checkout / "module.py", checkout / "src", checkout / "var" / "log"]
    assert not covered(home / "store.db", granted)


def test_a_home_that_is_itself_on_the_path_is_left_out(checkout: Path) -> None:
    assert not covered(checkout / "store.db", python_paths(exclude=checkout))


def test_a_home_behind_a_link_is_left_out(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "home").symlink_to(checkout / "var" / "demo-home")
    assert not covered(checkout / "var" / "demo-home" / "store.db", python_paths(exclude=tmp_path / "home"))


def test_packages_below_the_home_stay_granted(checkout: Path) -> None:
    """A virtual environment may lie in the home."""
    granted = python_paths(exclude=checkout.parent)
    assert checkout in granted
    assert not covered(checkout.parent / "store.db", granted)


def test_the_root_directory_is_never_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/")
    monkeypatch.setattr(sys, "path", ["/"])
    assert Path("/") not in python_paths()
