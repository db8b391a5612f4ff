"""Test a service without a core: a fake hub and a virtual clock.

::

    async def test_losses(fake_hub):
        service = Losses(fake_hub, LossConfig(incoming="a/x", outgoing=["b/x"]))
        async with fake_hub.running(service):
            fake_hub.give("a/x", 10, unit="Wh")
            fake_hub.give("b/x", 9, unit="Wh")
            await fake_hub.settle()
        assert fake_hub.published["energy"].value == 1
"""

from meterhub_sdk.testing.certificates import Identity
from meterhub_sdk.testing.clock import VirtualClock
from meterhub_sdk.testing.fake_hub import FakeHub, FakeLease, RecordedCommand, RecordedEvent
from meterhub_sdk.testing.ports import free_port

__all__ = ["FakeHub", "FakeLease", "Identity", "RecordedCommand", "RecordedEvent", "VirtualClock", "free_port"]
