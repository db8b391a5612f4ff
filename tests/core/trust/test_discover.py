"""Finding plugins by their metadata alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meterhub.trust import Candidate, discover


def distribution(site: Path, name: str = "acme-adder", version: str = "1.0.0", **files: str) -> Path:
    info = site / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text("[console_scripts]\na = b\n\n[meterhub.plugins]\nadder = acme_adder:x\n")
    for file, text in files.items():
        (info / file.replace("_json", ".json")).write_text(text)
    return info


def test_only_distributions_with_the_entry_point_are_candidates(tmp_path: Path) -> None:
    info = distribution(tmp_path)
    (distribution(tmp_path, "other") / "entry_points.txt").write_text("[console_scripts]\nother = meterhub.plugins\n")
    (distribution(tmp_path, "library") / "entry_points.txt").unlink()
    assert discover([str(tmp_path)]) == [Candidate("acme-adder", "1.0.0", info)]


def test_the_first_on_the_path_counts(tmp_path: Path) -> None:
    first = distribution(tmp_path / "a")
    distribution(tmp_path / "b", "Acme_Adder", "2.0.0")
    (found,) = discover([str(tmp_path / "missing"), str(tmp_path / "a"), str(tmp_path / "b")])
    assert found.dist_info == first


def test_the_newer_counts_where_an_upgrade_left_the_older(tmp_path: Path) -> None:
    for version in ("1.9.0", "1.10.0", "not-a-version"):
        distribution(tmp_path, version=version)
    assert [candidate.version for candidate in discover([str(tmp_path)])] == ["1.10.0"]


@pytest.mark.parametrize("metadata", [None, "", "Name: acme-adder\n", "Name: ../../etc/passwd\nVersion: 1\n"])
def test_what_has_no_proper_name_is_passed_over(tmp_path: Path, metadata: str | None) -> None:
    info = distribution(tmp_path)
    (info / "METADATA").unlink()
    if metadata is not None:
        (info / "METADATA").write_text(metadata)
    assert discover([str(tmp_path)]) == []


def test_what_an_installer_is_replacing_and_linked_metadata_are_passed_over(tmp_path: Path) -> None:
    distribution(tmp_path).rename(tmp_path / "~cme_adder-1.0.0.dist-info")
    moved = distribution(tmp_path / "elsewhere")
    (tmp_path / moved.name).symlink_to(moved)
    assert discover([str(tmp_path)]) == []


@pytest.mark.parametrize("layout", ["src", "."])
def test_an_editable_installation_tells_its_source(tmp_path: Path, layout: str) -> None:
    project = tmp_path / "my project"
    (project / layout / "acme_adder").mkdir(parents=True)
    record = {"url": project.as_uri(), "dir_info": {"editable": True}}
    distribution(tmp_path / "site", direct_url_json=json.dumps(record))
    path = tmp_path / "site"
    info = next(path.iterdir())
    (info / "entry_points.txt").write_text("[meterhub.plugins]\nadder = acme_adder:x\n")
    (found,) = discover([str(path)])
    assert found.source == project / layout
    assert Candidate.from_message(json.loads(json.dumps(found.as_message()))) == found


@pytest.mark.parametrize(
    "record",
    [
        "",
        "[",
        "[]",
        '{"url": 1, "dir_info": {"editable": true}}',
        '{"url": "file:///x", "dir_info": {}}',
        '{"url": "file:///x", "dir_info": {"editable": "true"}}',
        '{"url": "https://example.org/x", "dir_info": {"editable": true}}',
        "[" * 100_000,
    ],
)
def test_any_other_record_of_its_origin_means_an_installed_wheel(tmp_path: Path, record: str) -> None:
    distribution(tmp_path, direct_url_json=record)
    (found,) = discover([str(tmp_path)])
    assert found.source is None
