"""``/metrics``: what Prometheus collects, as far as whoever asks may read the statuses that it comes from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from aiohttp import web
from meterhub_sdk import Forbidden

from meterhub_http.exchange import Exchange, credential
from meterhub_http.traffic import BOUNDS, Traffic

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_KIND = "text/plain; version=0.0.4; charset=utf-8"
_OTHERS = ("/status/workers", "/status/hub")
_FORGET = 600.0
_HELD = 256


class MetricsRoutes:
    """``/metrics`` in Prometheus' text format; needs the right to read ``/status/services``.

    ``gauges`` are numbers of this service by the names of their metrics.
    """

    def __init__(self, exchange: Exchange, traffic: Traffic, gauges: dict[str, Callable[[], int]]) -> None:
        self._exchange = exchange
        self._traffic = traffic
        self._gauges = gauges
        self._refused: dict[tuple[str | None, str], float] = {}

    def enter(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/metrics", self._handle)

    async def _handle(self, request: web.Request) -> web.Response:
        from prometheus_client import generate_latest  # a quarter of a second that only who collects metrics spends

        found = {"/status/services": await self._exchange.ask(request, "get", "/status/services", background=True)}
        for path in _OTHERS:
            found[path] = await self._readable(request, path)
        text = generate_latest(_Collected(found, self._traffic, self._gauges))
        return web.Response(body=text, headers={"Content-Type": _KIND})

    async def _readable(self, request: web.Request, path: str) -> Any:
        """The answer, or nothing without the right to it, which is not asked again soon: refusals are events."""
        key, now = (credential(request), path), time.monotonic()
        if now - self._refused.get(key, -_FORGET) < _FORGET:
            return {}
        try:
            return await self._exchange.ask(request, "get", path, background=True)
        except Forbidden:
            if len(self._refused) >= _HELD:
                self._refused.clear()
            self._refused[key] = now
            return {}


class _Collected:
    """One collection."""

    def __init__(self, found: dict[str, Any], traffic: Traffic, gauges: dict[str, Callable[[], int]]) -> None:
        self._found = found
        self._traffic = traffic
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        yield from _services(self._found["/status/services"]["services"])
        yield from _workers(self._found["/status/workers"].get("workers", []))
        yield from _hub(self._found["/status/hub"])
        yield from self._http()

    def _http(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily("meterhub_http_requests", "Requests answered.", labels=["method", "status"])
        for (method, status), number in sorted(self._traffic.requests.items()):
            requests.add_metric([method, str(status)], number)
        yield requests
        ends = [*map(str, BOUNDS), "+Inf"]
        classes = list(zip(ends, accumulate(self._traffic.classes), strict=True))
        yield HistogramMetricFamily(
            "meterhub_http_request_seconds", "Time to an answer.", buckets=classes, sum_value=self._traffic.seconds
        )
        for name, number_of in self._gauges.items():
            yield GaugeMetricFamily(f"meterhub_http_{name}", f"HTTP: {name} now.", value=number_of())


def _services(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    state = GaugeMetricFamily("meterhub_service_state", "1 for the state it is in.", labels=["service", "state"])
    restarts = CounterMetricFamily("meterhub_service_restarts", "Restarts of a service.", labels=["service"])
    for row in rows:
        state.add_metric([row["name"], row["state"]], 1)
        if "restarts" in row:
            restarts.add_metric([row["name"]], row["restarts"])
    yield from (state, restarts)


def _workers(rows: list[dict[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    memory = GaugeMetricFamily("meterhub_worker_memory_bytes", "Memory of a worker.", labels=["worker"])
    cpu = GaugeMetricFamily("meterhub_worker_cpu_ratio", "Share of a core that a worker uses.", labels=["worker"])
    restarts = CounterMetricFamily("meterhub_worker_restarts", "Restarts of a worker.", labels=["worker"])
    for row in rows:
        for family, name in ((memory, "memory"), (cpu, "cpu"), (restarts, "restarts")):
            family.add_metric([row["name"]], row[name])
    yield from (memory, cpu, restarts)


def _hub(hub: dict[str, Any]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    if not hub:
        return
    yield GaugeMetricFamily("meterhub_points", "Points of the data hub.", value=hub["points"])
    yield CounterMetricFamily("meterhub_readings_published", "Readings published.", value=hub["published"])
    yield CounterMetricFamily("meterhub_readings_delivered", "Readings delivered.", value=hub["delivered"])
    waiting = GaugeMetricFamily("meterhub_queue_waiting", "Readings that wait in a queue.", labels=["queue"])
    dropped = CounterMetricFamily("meterhub_queue_dropped", "Readings a full queue dropped.", labels=["queue"])
    for queue in hub["queues"]:
        waiting.add_metric([queue["name"]], queue["waiting"])
        dropped.add_metric([queue["name"]], queue["dropped"])
    yield from (waiting, dropped)
