"""Whether the installed plugins are what their publishers signed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from meterhub.doctor.finding import Finding, bad, good, look
from meterhub.synthesizers.shelf import Shelf, newest
from meterhub.trust import (
    LocalSignatures,
    TrustError,
    TrustStore,
    TrustStoreError,
    discover,
    verify_installed,
)


def check_plugins(home: Path, *, runs: bool) -> Iterator[Finding]:
    """Each is verified as a worker would do it; nothing of them is imported."""
    try:
        trust = TrustStore.load(home)
        local = LocalSignatures(home, trust)
    except TrustStoreError as error:
        yield bad("plugins", str(error), "restore a backup: meterhub restore FILE")
        return
    candidates = newest(discover(), Shelf(home).candidates())
    verified = 0
    for candidate in sorted(candidates, key=lambda found: found.name):
        try:
            verify_installed(candidate, trust, local.token(candidate) if candidate.source is not None else None)
            verified += 1
        except TrustError as error:
            yield _refused(error, candidate.source)
    if verified == len(candidates):
        yield good("plugins", f"{verified} plugins are what was signed" if verified else "no plugin is installed")


def _refused(error: TrustError, source: Path | None) -> Finding:
    """A checkout that waits for its signature is being worked on; anything else should not be."""
    text = f"{error.distribution} does not run: {error.sentence}"
    if source is None:
        return bad("plugins", text, error.remedy)
    project = source.parent if (source.parent / "pyproject.toml").exists() else source
    return look("plugins", text, f"if it is your own work, sign it as it is: meterhub plugin dev {project}")
