"""The service with a fake hub, as the core would call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from meterhub_dlms_explain.service import DlmsExplain, Explanation
from meterhub_dlms_explain.settings import ExplainConfig, FrameArguments
from meterhub_sdk.testing import FakeHub

ENCRYPTION, AUTHENTICATION = bytes(range(16)).hex(), bytes(range(0xD0, 0xE0)).hex()
"""The keys of the examples in the Green Book."""

Explain = Callable[..., Awaitable[Explanation]]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[DlmsExplain]:
    """The service with the keys ``meter-1``."""
    hub = FakeHub("dlms-explain", tmp_path)
    hub.secrets = {"ek": ENCRYPTION, "ak": AUTHENTICATION}
    row = {"label": "meter-1", "encryption_key": "ek", "authentication_key": "ak"}
    yield DlmsExplain(hub, ExplainConfig.model_validate({"keys": [row]}))
    hub.close()


@pytest.fixture
def explain(service: DlmsExplain) -> Explain:
    """Calls ``frame`` with octets or their hexadecimal."""

    async def call(frames: bytes | str, **more: Any) -> Explanation:
        text = frames.hex() if isinstance(frames, bytes) else frames
        return await service.frame(FrameArguments(hex=text, **more))

    return call
