"""Run one service: start it, read its errors as instructions, start it again with back-off."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from meterhub_sdk import ConfigError, Conversion, Driver, Invalid, NotReady, Refused, Requester, Service, Value
from meterhub_sdk.checking import validate, within
from pydantic import ValidationError

from meterhub.worker.link import Link, OwnPoints
from meterhub.worker.service_hub import ServiceHub

LONGEST_PAUSE = 300.0
_DETAIL = 1000
_SETTLED = 10.0

_log = logging.getLogger(__name__)


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The core's order to start a service."""

    service: str
    section: dict[str, Any]
    points: list[tuple[int, str, str]]
    directory: str


class Running:
    """One configured service in this worker.

    ``tell(state, detail)`` reports ``running``, ``waiting`` (for the administrator), ``retrying``
    (the other side is absent), ``failed`` (an exception; it is started again) and ``stopped``.
    """

    def __init__(
        self, service: type[Service[Any]], order: Started, link: Link, tell: Callable[[str, str], None]
    ) -> None:
        self.name = order.service
        self.own = OwnPoints(order.service)
        self.own.add(order.points)
        self._type = service
        self._order = order
        self._link = link
        self._tell = tell
        self._service: Service[Any] | None = None
        self._pushed: dict[str, Any] = {}
        self._error = ""
        self._error_at: datetime | None = None
        self._task = asyncio.create_task(self._supervise(), name=f"service {order.service}")

    async def stop(self) -> None:
        """Cancel it and wait until it cleaned up."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._tell("stopped", "")

    async def _supervise(self) -> None:
        pause = 1.0
        while True:
            began = asyncio.get_running_loop().time()
            state, detail = await self._once()
            if _being_stopped():
                return  # it took its cancellation for itself
            if asyncio.get_running_loop().time() - began > _SETTLED:
                pause = 1.0
            self._tell(state, detail[:_DETAIL])
            if state == "waiting":
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(self) -> tuple[str, str]:
        """One life of the service: how it ended, and what a person should know about it."""
        directory = Path(self._order.directory)
        hub = ServiceHub(self._link, self.name, self.own, directory, tuple(self._type.migrations))
        try:
            config = self._type.config_type.model_validate(self._order.section)
            self._service = self._type(hub, config)
            self._tell("running", "")
            await self._service.run()
        except ConfigError as error:
            return "waiting", str(error)
        except ValidationError as error:
            return "waiting", f"the settings do not fit this version: {within(error.errors()[0]['msg'])}"
        except NotReady as error:
            return "retrying", str(error)
        except asyncio.CancelledError:
            if _being_stopped():
                raise
            return "failed", "something that it waited for was cancelled"
        except Exception as error:
            _log.exception("%s failed", self.name)
            return "failed", _told(error)
        finally:
            self._service = None
            hub.close()
        return "failed", "it ended by itself"

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Hand a write to the driver."""
        if not isinstance(self._service, Driver):
            raise Refused(f"{self.name} is not running; {name} was not written")
        await self._service.write(name, value, requester)

    async def command(self, name: str, arguments: Any) -> Any:
        """Run a command; its result as plain JSON."""
        info = self._type.commands().get(name)
        if info is None:
            raise Refused(f"{self.name} has no command {name!r}")
        if self._service is None:
            raise Refused(f"{self.name} is not running; its commands wait until it is")
        checked, faults = validate(info.arguments, {} if arguments is None else arguments)
        if checked is None:
            raise Invalid(faults)
        method = getattr(self._service, info.method)
        result = await (method(checked) if info.takes_arguments else method())
        return None if result is None else result.model_dump(mode="json")

    def news(self) -> dict[str, Any]:
        """Status and conversion status as plain JSON, those of them that changed since they were last asked for."""
        if self._service is None:
            return {}
        told = {"status": self._service.status(), "conversion": self._stamped(self._service.conversion())}
        plain = {kind: model.model_dump(mode="json") for kind, model in told.items() if model is not None}
        news = {kind: content for kind, content in plain.items() if self._pushed.get(kind) != content}
        self._pushed.update(news)
        return news

    def _stamped(self, conversion: Conversion | None) -> Conversion | None:
        """With the time at which its last error turned up, where the service does not tell it."""
        if conversion is None:
            return None
        if conversion.last_error != self._error:
            self._error, self._error_at = conversion.last_error, datetime.now(UTC)
        if conversion.last_error and conversion.last_error_at is None:
            return conversion.model_copy(update={"last_error_at": self._error_at})
        return conversion


def _being_stopped() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _told(error: Exception) -> str:
    """Where and why, for the event log: the last line of the traceback that is the plugin's own."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
