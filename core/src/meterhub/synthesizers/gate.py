"""What may be uploaded: plugins that compute and do nothing else."""

from __future__ import annotations

from meterhub_sdk.description import Description
from meterhub_sdk.manifest import Manifest

_READS = "points.read:"


def fault_of_offer(manifest: Manifest, described: Description) -> str:
    """Why a plugin is more, or less, than synthesizers, as one sentence; empty when it is just that.

    A plugin that reads points and computes can do no harm beyond its own points. Whatever can do more is installed
    by whoever owns the machine.
    """
    others = [f"the {service.kind} {service.name}" for service in described.services if service.kind != "synthesizer"]
    beyond = [capability for capability in manifest.capabilities if not capability.startswith(_READS)]
    if others:
        what = f"it offers {' and '.join(others[:3])}"
    elif not described.services:
        what = "it offers no service at all"
    elif beyond:
        what = f"it asks for {' and '.join(beyond[:3])}, and a synthesizer reads points and nothing else"
    elif described.guards:
        what = f"it decides over writes to {', '.join(described.guards[:3])}"
    elif described.pages or described.permissions:
        what = "it brings pages or permissions of its own"
    else:
        return ""
    name = f"{manifest.name} {manifest.version}"
    return f"{name} is not a plugin of synthesizers alone: {what}; install it with: meterhub plugin install WHEEL"


def fault_of_promise(manifest: Manifest, signed: Description, described: Description) -> str:
    """Why the description in a wheel is not that of its code; empty when the services are the same."""
    promised, offered = ({(s.name, s.kind) for s in d.services} for d in (signed, described))
    if promised == offered:
        return ""
    differing = ", ".join(sorted({name for name, _ in promised ^ offered})[:3])
    return f"{manifest.name} {manifest.version} is not what its description says ({differing}); build the wheel again"
