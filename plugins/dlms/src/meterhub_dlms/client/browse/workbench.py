"""What the commands about meters and their mappings do: browse, test reading and writing, tell what was found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Self

from meterhub_sdk import Hub, NotDone, Refused, moment

from meterhub_dlms.client.associating import Associating
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.browse import marks, trial
from meterhub_dlms.client.browse.browser import Browser
from meterhub_dlms.client.browse.list_cache import ListCache
from meterhub_dlms.client.browse.marks import Marks
from meterhub_dlms.client.browse.models import (
    BrowsePage,
    BrowseRequest,
    MappingsPage,
    MappingsRequest,
    TrialAnswer,
    TrialRead,
    TrialWrite,
    WhichMeter,
)
from meterhub_dlms.client.browse.reach import DraftMeter, KnownMeter, Reach
from meterhub_dlms.client.browse.readable import shown, type_name
from meterhub_dlms.client.browse.report import marked, page
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.client.settings import DlmsClientConfig, Meter
from meterhub_dlms.client.status import MeterStatus

_LONGEST = 25.0
"""Seconds that a test may take, the way to the meter included."""


class Workbench:
    """Everything that people ask of meters beside the polls; ``buses`` holds the bus of each meter by its label."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, buses: Mapping[str, Bus], associating: Associating) -> None:
        self._hub = hub
        self._config = config
        self._buses = buses
        self._associating = associating
        self._browser = Browser(ListCache(hub.store))
        self._meters = {meter.label: meter for meter in config.meters}
        self._secrets = {
            name for each in config.meters for name in (each.password, each.encryption_key, each.authentication_key)
        }
        marks.prune(hub.store)
        self._marks = {meter.label: Marks(hub.store, meter) for meter in config.meters}
        for label, bus in buses.items():
            self._watch(bus, label)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop what goes on in the background."""
        await self._browser.close()

    def status(self, row: MeterStatus) -> MeterStatus:
        """The status of a meter, with its mappings that were found and not found."""
        return marked(row, self._marks[row.label].summary())

    def mappings(self, request: MappingsRequest) -> MappingsPage:
        """All mappings with their marks, page by page."""
        return page(self._marks if request.meter is None else {request.meter: self._of(request.meter)}, request)

    async def browse(self, request: BrowseRequest) -> BrowsePage:
        """A page of a meter's objects; what the list says of its mappings is kept."""
        answer, listing = await self._browser.page(await self._reach(request), request)
        if listing is not None and request.meter is not None:
            self._marks[request.meter].take_list(listing.objects)
        return answer

    async def test_read(self, request: TrialRead) -> TrialAnswer:
        """Read a mapping of a draft."""
        reach = await self._reach(request)
        read = partial(trial.read, meter=reach.meter, mapping=request.mapping, clock=self._config.meter_time)
        async with _limited(Refused, reach.meter):
            begun = asyncio.get_running_loop().time()
            try:
                found = await reach.perform(read)
            except trial.NotFound as reason:
                self._marks_of(request, reach.meter).note(request.mapping, found=False, why=str(reason), source="test")
                raise
        self._marks_of(request, reach.meter).note(request.mapping, found=True, source="test")
        return self._answer(found, asyncio.get_running_loop().time() - begun)

    async def test_write(self, request: TrialWrite) -> TrialAnswer:
        """Write to a mapping of a draft."""
        reach = await self._reach(request)
        write = partial(trial.write, meter=reach.meter, mapping=request.mapping, value=request.value)
        async with _limited(NotDone, reach.meter):
            begun = asyncio.get_running_loop().time()
            found = await reach.perform(write)
        self._marks_of(request, reach.meter).note(request.mapping, found=True, source="test")
        return self._answer(found, asyncio.get_running_loop().time() - begun)

    # -- the parts ----------------------------------------------------------------------------------

    async def _reach(self, which: WhichMeter) -> Reach:
        """The way to the meter that is meant; ``Refused`` when none or two are given, or it cannot be gone."""
        if (which.meter is None) == (which.draft is None):
            raise Refused("give either the label of a meter in force or the settings of a draft meter")
        if which.draft is not None:
            associate = await self._associating.associate(which.draft, self._secret)
            return DraftMeter(self._hub, self._config, which.draft, associate, self._buses)
        label = which.meter or ""
        self._of(label)
        return KnownMeter(self._buses[label], self._meters[label])

    async def _secret(self, name: str) -> str:
        """A secret for a draft: only those that the settings in force name are ours to use."""
        if name not in self._secrets:
            raise Refused(
                f"the secret {name!r} is not named by the settings in force, so it cannot be used for a test; apply "
                "the settings that name it first, or choose one of those in force"
            )
        return await self._hub.secret(name)

    def _of(self, label: str) -> Marks:
        if label not in self._marks:
            raise Refused(f"no meter in force is called {label!r}; choose one of the settings, or give a draft")
        return self._marks[label]

    def _marks_of(self, which: WhichMeter, meter: Meter) -> Marks:
        """Where to keep what a test found: a draft's row keeps its mark when it is applied."""
        return Marks(self._hub.store, meter) if which.meter is None else self._marks[which.meter]

    def _watch(self, bus: Bus, label: str) -> None:
        """Let the polls of a meter keep its marks."""
        poller, kept = bus.pollers[label], self._marks[label]

        async def met(_: Association) -> None:
            kept.met(poller.device)

        def noted(point: MappedPoint, why: str) -> None:
            kept.note(point.mapping, found=not why, why=why, source="poll")

        poller.beginnings.append(met)
        poller.polling.intake.noted = noted

    def _answer(self, found: trial.Trial | None, duration: float) -> TrialAnswer:
        """What was read, for people; nothing but ``success`` where nothing was."""
        if found is None:
            return TrialAnswer(duration=round(duration, 3))
        stamp = found.stamp or (self._hub.time.now(), self._hub.time.validity())
        return TrialAnswer(
            data_type=type_name(found.answer),
            raw=shown(found.answer),
            scaler=None if found.scaling is None else found.scaling.exponent,
            unit=found.unit,
            value=found.value,
            problem=found.problem,
            time=moment(stamp[0]),
            clock=trial.clock_words(found.stamp),
            duration=round(duration, 3),
        )


@asynccontextmanager
async def _limited(late: type[Refused], meter: Meter) -> AsyncIterator[None]:
    """Bounded time for a test; ``late`` when it is over."""
    try:
        async with asyncio.timeout(_LONGEST):
            yield
    except TimeoutError:
        raise late(f"the meter {meter.label} was not done within {_LONGEST:g} s") from None
