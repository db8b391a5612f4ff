"""A full installation: what one plugin's fault does to the others, and what a plugin's description is read from."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk.manifest import DESCRIPTION_FILE
from meterhub_sdk.signing import sign_wheel

from meterhub.trust import Modified, discover, verify_installed


def install(workshop: Any, number: int) -> None:
    package, info = f"acme_{number}", f"acme_{number}-1.0.0.dist-info"
    members = {f"{package}/deep/module_{file}.py": f"ANSWER = {file}\n" for file in range(25)}
    members |= {
        f"{package}/__init__.py": f"ANSWER = {number}\n",
        f"{package}/deep/__init__.py": "",
        f"{package}/plugin.toml": 'sdk = ">=0.1"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: acme-{number}\nVersion: 1.0.0\n",
        f"{info}/entry_points.txt": f"[meterhub.plugins]\nbench = {package}\n",
    }
    wheel: Path = workshop.directory / f"acme_{number}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    sign_wheel(wheel, workshop.key, workshop.kid)
    workshop.unpack(wheel)


def test_twenty_plugins_are_verified_and_one_fault_stays_with_one(workshop: Any) -> None:
    workshop.trusted()
    for number in range(20):
        install(workshop, number)
    candidates = discover([str(workshop.site)])
    assert len(candidates) == 20
    for candidate in candidates:
        plugin = verify_installed(candidate, workshop.trust)
        assert (plugin.manifest.name, len(plugin.content)) == (candidate.name, 30)
    (workshop.site / "acme_7/deep/module_3.py").write_text("ANSWER = 'other'\n")
    refused = []
    for candidate in candidates:
        try:
            verify_installed(candidate, workshop.trust)
        except Modified:
            refused.append(candidate.name)
    assert refused == ["acme-7"]
    assert workshop.load(workshop.candidate("acme-8"))["imported"] == {"acme_8": 8}


def test_a_description_counts_only_when_it_was_signed(workshop: Any) -> None:
    workshop.install()
    planted = workshop.dist_info / DESCRIPTION_FILE
    planted.write_text('{"services": ["evil"]}')
    assert verify_installed(workshop.candidate(), workshop.trust).description is None
    planted.unlink()
    wheel = workshop.wheel()
    sign_wheel(wheel, workshop.key, workshop.kid, extra_files={DESCRIPTION_FILE: b'{"services": []}'})
    workshop.unpack(wheel)
    plugin = verify_installed(workshop.candidate(), workshop.trust)
    assert plugin.description is not None
    assert json.loads(plugin.description) == {"services": []}
    planted.write_text('{"services": ["evil"]}')
    with pytest.raises(Modified, match=r"description\.json was changed"):
        verify_installed(workshop.candidate(), workshop.trust)
