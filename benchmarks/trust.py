"""How long it takes to verify 20 installed plugins of 30 files each, about 2.4 MB, before any of them is imported.

``python benchmarks/trust.py``; with ``--quick`` fewer rounds, with ``--json`` one line for a program. The best round
counts: the others measure the machine's other work.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from meterhub_sdk.signing import public_jwk, sign_wheel

from meterhub.trust import Publisher, TrustStore, discover, verify_installed

PLUGINS = 20
FILES = 30
FILE_BYTES = 4_800
GOAL_MS = 150
MODULE = ("# a line of source as long as the usual one of such a file is, or so\n" * 80).encode()[:FILE_BYTES]


def install(site: Path, number: int, key: Ed25519PrivateKey) -> None:
    """Build, sign and unpack one plugin."""
    package, info = f"bench_{number}", f"bench_{number}-1.0.0.dist-info"
    members = {f"{package}/module_{file}.py": MODULE for file in range(FILES - 5)}
    members |= {
        f"{package}/__init__.py": b"",
        f"{package}/plugin.toml": b'sdk = ">=0.1"\n',
        f"{info}/METADATA": f"Metadata-Version: 2.4\nName: bench-{number}\nVersion: 1.0.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\n",
        f"{info}/entry_points.txt": f"[meterhub.plugins]\nbench = {package}\n".encode(),
    }
    wheel = site / f"bench_{number}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    sign_wheel(wheel, key, "bench")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    wheel.unlink()


def measure(rounds: int) -> float:
    """Milliseconds of the best round: find the plugins, check signatures, read and hash every file."""
    key = Ed25519PrivateKey.generate()
    trust = TrustStore()
    trust.add(Publisher.from_jwk(public_jwk(key, "bench", "Benchmark"), ["bench-*"]))
    best = float("inf")
    with tempfile.TemporaryDirectory() as directory:
        for number in range(PLUGINS):
            install(Path(directory), number, key)
        for _ in range(rounds):
            begin = time.perf_counter()
            verified = [verify_installed(candidate, trust) for candidate in discover([directory])]
            best = min(best, (time.perf_counter() - begin) * 1000)
            assert [len(plugin.content) for plugin in verified] == [FILES] * PLUGINS
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    value = measure(3 if options.quick else 15)
    ratio = value / GOAL_MS
    result = {
        "value": round(value, 1),
        "reference": GOAL_MS,
        "ratio": round(ratio, 3),
        "goal": 1.0,
        "holds": ratio <= 1,
    }
    if options.json:
        print(json.dumps({"verify_20_plugins_ms": result}))
    else:
        print(f"{PLUGINS} plugins of {FILES} files verified in {value:.1f} ms (goal: {GOAL_MS} ms)")


if __name__ == "__main__":
    main()
