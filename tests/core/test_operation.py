"""Which service runs in which worker, with which rights, and why the others do not run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from meterhub_sdk.declaration import Limits
from meterhub_sdk.description import Description, FeatureDescription, ServiceDescription

from meterhub.config.document import Claims, Revision
from meterhub.hub import Hub
from meterhub.operation import Operation
from meterhub.plugins import Installed
from meterhub.services import Services


def installed(name: str, *services: str, kid: str = "one", kind: str = "service", **manifest: Any) -> Installed:
    described = [
        ServiceDescription(
            name=service,
            title=service,
            description="",
            kind=kind,
            single=service == "lonely",
            feature="sold" if service == "sold" else None,
            menu="",
            rights_status="",
            rights_read="",
            rights_write="",
            config_version=1,
            config_schema={},
            status_schema=None,
            commands=[],
        )
        for service in services
    ]
    signed = {"capabilities": (), "limits": Limits(), "digest": f"digest-of-{name}", **manifest}
    plugin = Installed(candidate=SimpleNamespace(name=name, version="1.0.0"), kid=kid, publisher="ACME")
    plugin.manifest = SimpleNamespace(**signed)
    plugin.description = Description(
        services=described, features=[FeatureDescription(name="sold", title="", built_in=False)]
    )
    return plugin


class FakeCatalogue:
    """Plugins without files."""

    def __init__(self, *plugins: Installed) -> None:
        self.installed = {plugin.name: plugin for plugin in plugins}
        self.describe = self.event = self.version = self.guards = None

    def offers(self):
        return [(plugin, offered) for plugin in self.installed.values() for offered in plugin.description.services]

    def service(self, name: str):
        base = name.partition("@")[0]
        return next(((plugin, offered) for plugin, offered in self.offers() if offered.name == base), None)


class FakeWorkers:
    """Remembers what was asked for."""

    def __init__(self) -> None:
        self.specs: list[Any] = []

    async def follow(self, specs) -> None:
        self.specs = specs


PLUGINS = (
    installed("acme-a", "a", "sold", "lonely"),
    installed("acme-b", "b"),
    installed("other-c", "c", kid="two"),
    installed("acme-sums", "sums", kind="synthesizer"),
    installed("acme-means", "means", kind="synthesizer"),
    installed("meterhub-iec104-client", "master"),
)


@pytest.fixture
def operation(tmp_path: Path, recorded: Any) -> Operation:
    services = Services(Hub(), recorded, SimpleNamespace(get=lambda name: name))
    made = Operation(tmp_path, FakeCatalogue(*PLUGINS), services, lambda feature: False)
    made.workers = FakeWorkers()
    return made


def revision(*names: str, placement: list[list[str]] | None = None) -> Revision:
    services = {name: {} for name in names}
    claims = {name: Claims(digest="d") for name in names}
    if placement is not None:
        services["workers"] = {"placement": placement}
    return Revision(number=1, services=services, claims=claims)


def workers(operation: Operation) -> dict[str, tuple[str, ...]]:
    return {spec.name: spec.distributions for spec in operation.workers.specs}


async def test_each_distribution_has_a_worker_of_its_own(operation: Operation) -> None:
    await operation.run(revision("a", "a@2", "lonely", "b"))
    assert workers(operation) == {"acme-a": ("acme-a",), "acme-b": ("acme-b",)}
    orders = operation._services.orders
    assert orders["a@2"].worker == "acme-a"
    assert orders["a@2"].directory == operation._home / "data" / "acme-a" / "a@2"
    assert orders["a@2"].directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("row", "together"),
    [
        (["acme-a", "acme-b"], {"acme-a": ("acme-a", "acme-b")}),
        (["acme-b", "acme-a"], {"acme-b": ("acme-a", "acme-b")}),
        (["acme-a", "other-c"], {"acme-a": ("acme-a",), "other-c": ("other-c",)}),  # another publisher of that name
        (["other-c", "acme-a", "acme-b"], {"other-c": ("other-c",), "acme-a": ("acme-a", "acme-b")}),
        (["acme-a", "acme-sums"], {"acme-a": ("acme-a",), "acme-sums": ("acme-sums",)}),  # another sandbox
        (["acme-sums", "acme-means"], {"acme-sums": ("acme-means", "acme-sums")}),
        (
            ["acme-a", "meterhub-iec104-client"],
            {"acme-a": ("acme-a",), "meterhub-iec104-client": ("meterhub-iec104-client",)},
        ),
        (["acme-a", "not-installed"], {"acme-a": ("acme-a",)}),
    ],
)
async def test_a_worker_is_shared_by_one_publisher_one_sandbox_and_one_licence(
    operation: Operation, row, together
) -> None:
    kinds = {"acme-a": "a", "acme-b": "b", "other-c": "c", "acme-sums": "sums", "acme-means": "means"}
    kinds["meterhub-iec104-client"] = "master"
    await operation.run(revision(*(kinds[name] for name in row if name in kinds), placement=[row]))
    assert workers(operation) == together


async def test_limits_of_a_shared_worker_add_up(operation: Operation) -> None:
    await operation.run(revision("a", "b", placement=[["acme-a", "acme-b"]]))
    (spec,) = operation.workers.specs
    assert (spec.memory, spec.cpu) == (2 * Limits().memory, 2.0)
    assert spec.digests == ("digest-of-acme-a", "digest-of-acme-b")


async def test_why_a_service_does_not_run_is_kept(operation: Operation) -> None:
    sections = revision("a", "sold", "gone")
    await operation.run(Revision(number=1, services={**sections.services, "b": {}}, claims=sections.claims))
    assert list(operation._services.orders) == ["a"]
    assert operation.idle == {
        "sold": "the feature sold is not licensed or switched off",
        "gone": "its plugin is absent or refused; its settings are kept",
        "b": "its plugin is absent or refused; its settings are kept",
    }


async def test_what_may_exist_once_is_checked_without_asking_a_worker(operation: Operation) -> None:
    checked = await operation.check("lonely@2", {}, None)
    assert checked.checked.errors[0].message == "there can be only one lonely, without an @ and a label"
    assert await operation.check("nobody", {}, None) is None


async def test_sections_of_the_core_are_checked_by_the_core(operation: Operation) -> None:
    good = await operation.check("workers", {"placement": [["acme-a"]]}, None)
    assert (good.checked.errors, good.checked.section) == ([], {"placement": [["acme-a"]]})
    bad = await operation.check("workers", {"placement": [["a b"]], "colour": 1}, None)
    assert len(bad.checked.errors) == 2
    assert operation.digest("workers") == good.digest
    assert operation.digest("a") == "digest-of-acme-a"
    assert operation.digest("nobody") is None


def test_rights_are_those_of_the_signed_manifest(tmp_path: Path, recorded: Any) -> None:
    asked = ("points.read:meter/*", "points.read:grid/**", "points.write:relay/closed", "network", "interface")
    catalogue = FakeCatalogue(installed("acme-a", "a", capabilities=asked))
    services = Services(Hub(), recorded, SimpleNamespace(get=lambda name: name))
    operation = Operation(tmp_path, catalogue, services, lambda _: True)
    granted = operation.grants("acme-a")
    assert granted.read.covers("meter/*")
    assert "grid/a/b" in granted.read
    assert not granted.read.covers("**")
    assert "relay/closed" in granted.write
    assert "relay/open" not in granted.write
    assert granted.interface
    nobody = operation.grants("not-installed")
    assert not nobody.interface
    assert not nobody.read.covers("meter/energy")


def test_synthesizers_are_known_by_their_kind(operation: Operation) -> None:
    assert operation.synthesizers() == {"sums", "means"}
