"""Metrics, as a Prometheus server reads them."""

from __future__ import annotations

from typing import Any

import pytest
from meterhub_sdk import Forbidden
from prometheus_client.parser import text_string_to_metric_families

SERVICES = {
    "services": [
        {"name": 'a"b', "state": "running", "restarts": 2},
        {"name": "off", "state": "off", "detail": "not licensed"},
    ]
}
WORKERS = {"workers": [{"name": "meterhub-http", "memory": 5_000_000, "cpu": 0.25, "restarts": 0}]}
QUEUE = {"name": "x/default", "waiting": 1, "limit": 9, "dropped": 7, "attached": True}
HUB = {"points": 15, "published": 100, "delivered": 90, "queues": [QUEUE]}


@pytest.fixture
def measured(server: Any) -> Any:
    """A server whose core tells its statuses."""
    server.tree.answers |= {
        "get /status/services": SERVICES,
        "get /status/workers": WORKERS,
        "get /status/hub": HUB,
    }
    return server


async def samples(server: Any) -> dict[tuple[str, str], float]:
    """Value by metric and the values of its labels."""
    answer = await server("GET", "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.body.decode())
    return {(each.name, ",".join(each.labels.values())): each.value for family in families for each in family.samples}


async def test_metrics_tell_of_services_workers_points_and_requests(measured: Any) -> None:
    await measured("GET", "/healthz")
    await measured("PROPFIND", "/healthz")
    found = await samples(measured)
    assert found["meterhub_service_state", 'a"b,running'] == 1
    assert found["meterhub_service_restarts_total", 'a"b'] == 2
    assert found["meterhub_service_state", "off,off"] == 1
    assert found["meterhub_worker_memory_bytes", "meterhub-http"] == 5_000_000
    assert found["meterhub_worker_cpu_ratio", "meterhub-http"] == 0.25
    assert found["meterhub_points", ""] == 15
    assert found["meterhub_queue_dropped_total", "x/default"] == 7
    assert found["meterhub_http_requests_total", "GET,200"] == 1
    assert found["meterhub_http_requests_total", "other,405"] == 1
    assert found["meterhub_http_request_seconds_count", ""] == 2
    assert found["meterhub_http_request_seconds_bucket", "+Inf"] == 2
    assert found["meterhub_http_connections", ""] >= 1
    assert all(asked.background for asked in measured.tree.of("/status/services"))


async def test_what_may_not_be_read_is_left_out_and_not_asked_at_every_scrape(measured: Any) -> None:
    measured.tree.answers["get /status/workers"] = Forbidden("no right")
    for _ in range(3):
        found = await samples(measured)
        assert ("meterhub_points", "") in found
        assert ("meterhub_worker_memory_bytes", "meterhub-http") not in found
    assert len(measured.tree.of("/status/workers")) == 1


@pytest.mark.parametrize(("cookies", "status"), [(None, 401), ({"meterhub": "admin-session"}, 403)])
async def test_metrics_need_the_right_to_the_services(measured: Any, cookies: Any, status: int) -> None:
    measured.tree.answers["get /status/services"] = Forbidden("no right")
    assert (await measured("GET", "/metrics", cookies=cookies)).status == status
