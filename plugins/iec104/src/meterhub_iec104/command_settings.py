"""Settings of the control direction: which information objects take commands, and on what conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, Self

from meterhub_sdk import Config, Label, PointName, field
from pydantic import model_validator

from meterhub_iec104.mapping_settings import MAX_COMMON_ADDRESS

CommandName = Literal["C_SC", "C_DC", "C_RC", "C_SE_NA", "C_SE_NB", "C_SE_NC", "C_BO"]
Qualifier = Literal["none", "short-pulse", "long-pulse", "persistent"]
Execution = Literal["either", "direct", "select"]

SWITCHING = ("C_SC", "C_DC", "C_RC")
_PAIRS = ("C_DC", "C_RC")


class CommandRow(Config):
    """One information object that takes commands, and the point that they write."""

    type: CommandName = field(
        title="Type",
        description="C_SC single command (45/58), C_DC double command (46/59), C_RC regulating step (47/60), set "
        "points: C_SE_NA normalized (48/61), C_SE_NB scaled (49/62), C_SE_NC short floating point (50/63), C_BO bit "
        "string of 32 bits (51/64). The second type identification carries a time tag.",
    )
    point: PointName = field(
        title="Data point 1", description="The writable point; with a data point 2 that of ON or HIGHER."
    )
    second_point: PointName | None = field(
        None,
        title="Data point 2",
        description="Double commands and regulating steps only: the output for OFF or LOWER. Each output is then "
        "written with the value for ON.",
    )
    ioa: int = field(
        title="IOA",
        description="Information object address, used once by the commands of a station. A monitored object may have "
        "the same one.",
        ge=1,
        le=16_777_215,
    )
    on: float | None = field(
        None,
        title="Value for ON or HIGHER",
        description="What is written where the point is a number. Left empty: true.",
        allow_inf_nan=False,
    )
    off: float | None = field(
        None,
        title="Value for OFF or LOWER",
        description="What is written where the point is a number. Left empty: false.",
        allow_inf_nan=False,
    )
    step: float | None = field(
        None,
        title="Step",
        description="Regulating steps only: what is added to or taken from the value that the point has now, which "
        "must be good. Left empty, the values for HIGHER and LOWER are written.",
        gt=0,
        allow_inf_nan=False,
    )
    inverted: bool = field(False, title="Inverted", description="Switching only: ON is done as OFF and OFF as ON.")
    scaling: float = field(
        1.0,
        title="Scaling",
        description="Set points only: the value received is divided by this before it is written, so that a monitored "
        "object of the same scaling shows the value that was commanded.",
        allow_inf_nan=False,
    )
    minimum: float | None = field(
        None,
        title="Minimum",
        description="Set points only: what is received below this is refused. Left empty: whatever the type holds.",
        allow_inf_nan=False,
    )
    maximum: float | None = field(
        None,
        title="Maximum",
        description="Set points only: what is received above this is refused. Left empty: whatever the type holds.",
        allow_inf_nan=False,
    )
    execution: Execution = field(
        "either",
        title="Execution",
        description="Direct: commands are executed at once, and cannot be selected. Select: only what was selected is "
        "executed (select before operate). Either: as the master does.",
    )
    qualifiers: list[Qualifier] = field(
        default_factory=lambda: ["none", "persistent"],
        title="Qualifiers of command",
        description="Switching only: the qualifiers that are accepted. The server writes the point once, whatever the "
        "qualifier: accept pulses only where the device itself makes them.",
        min_length=1,
        max_length=4,
    )
    return_ioa: int | None = field(
        None,
        title="Return information",
        description="IOA of the monitored object of the same station that shows what the command did. It is sent to "
        "the master that commanded, with cause 11, when it shows the new state, or when the time limit is over.",
        ge=1,
        le=16_777_215,
    )
    read_back: bool = field(
        False,
        title="Read back",
        description="The command is confirmed only when the point itself reads the value that was written.",
    )
    time_limit: float = field(
        5.0,
        title="Time limit",
        description="Time within which the device must have done it; after that the command is confirmed negatively.",
        unit="s",
        ge=0.1,
        le=300,
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        switching = self.type in SWITCHING
        if self.second_point is not None and self.type not in _PAIRS:
            raise ValueError(f"{self.shown} has a data point 2, which only C_DC and C_RC have; leave it empty")
        if self.second_point == self.point:
            raise ValueError(f"{self.shown} has the same data point 1 and 2; give two outputs, or leave 2 empty")
        if not switching and (self.inverted or self.on is not None or self.off is not None):
            raise ValueError(
                f"{self.shown} is no switching command: leave inverted and the values for ON and OFF empty"
            )
        if switching and self.step is None and self.on == self.off and self.on is not None:
            raise ValueError(f"{self.shown} has the same value for ON and OFF ({self.on:g}); give two")
        if self.step is not None and (self.type != "C_RC" or self.second_point is not None):
            raise ValueError(f"{self.shown} has a step, which only C_RC without a data point 2 has; leave it empty")
        return self

    @model_validator(mode="after")
    def _numbers_fit(self) -> Self:
        if self.scaling == 0 or (self.scaling != 1 and not self.type.startswith("C_SE")):
            raise ValueError(f"{self.shown} has scaling {self.scaling:g}; set points take any but 0, the others only 1")
        limits = [limit for limit in (self.minimum, self.maximum) if limit is not None]
        if limits and not self.type.startswith("C_SE"):
            raise ValueError(f"{self.shown} has a minimum or maximum, which only set points have; leave them empty")
        if limits != sorted(limits):
            raise ValueError(f"{self.shown} has minimum {limits[0]:g} and maximum {limits[1]:g}; exchange them")
        if self.type == "C_BO" and self.execution == "select":
            raise ValueError(f"{self.shown} shall be selected, which bit strings cannot be; choose direct or either")
        return self

    @property
    def shown(self) -> str:
        """The row in a message."""
        return f"the command at IOA {self.ioa} ({self.type} {self.point})"

    @property
    def points(self) -> tuple[str, ...]:
        """The points that it writes."""
        return (self.point,) if self.second_point is None else (self.point, self.second_point)


class CommandGroup(Config):
    """Commands that belong together, such as those of one bay."""

    label: Label = field(title="Label")
    common_address: int | None = field(
        None,
        title="Common address of ASDU",
        description="The station that these commands belong to. Left empty: that of the server.",
        ge=1,
        le=MAX_COMMON_ADDRESS,
    )
    rows: list[CommandRow] = field(default_factory=list, title="Commands", max_length=5000)


class CommandSettings(Config):
    """Commands, and who may give them when."""

    time_tags: Literal["both", "without", "with"] = field(
        "both",
        title="Command types",
        description="Commands with time tags (types 58 to 64), without (45 to 51), or both. Others are answered as an "
        "unknown type.",
    )
    maximum_age: float = field(
        10.0,
        title="Maximum age of a command",
        description="A command whose time tag is older is refused. 0: any age.",
        unit="s",
        ge=0,
        le=86_400,
    )
    maximum_lead: float = field(
        5.0,
        title="Maximum time in the future",
        description="A command whose time tag is later than the clock of this device by more is refused. 0: any time.",
        unit="s",
        ge=0,
        le=86_400,
    )
    direct_execute: bool = field(
        True,
        title="Direct execute",
        description="Off: every command must be selected before it is executed.",
    )
    select_timeout: float = field(
        30.0,
        title="Select time-out",
        description="Time from the select to the execute; a selection that is not executed lapses silently.",
        unit="s",
        ge=0.1,
        le=3600,
    )
    termination: bool = field(
        True, title="Send ACT TERM", description="Whether the end of a command is reported after its confirmation."
    )
    remote_switch: PointName | None = field(
        None,
        title="Local/remote switch",
        description="A point that says whether commands may come from afar. While it does not, they are confirmed "
        "negatively and noted. Left empty: they always may.",
    )
    remote_when: bool = field(
        True, title="Remote when the switch reads", description="The value of the switch at which commands are allowed."
    )
    remote_when_unknown: bool = field(
        False,
        title="Remote while the switch is unknown",
        description="Whether commands are allowed while the switch is stale, invalid or not there.",
    )
    clock_synchronization: Literal["refuse", "confirm", "forward"] = field(
        "refuse",
        title="Clock synchronization commands",
        description="How C_CS_NA_1 is answered. The clock of this device is set by its own time service either way. "
        "Confirm is for masters that insist on a positive answer; forward writes the time to a point, and confirms "
        "when its device has it.",
    )
    clock_point: PointName | None = field(
        None, title="Point for the time", description="With forward: the writable point that takes the time."
    )
    clock_format: Literal["text", "seconds"] = field(
        "text",
        title="Form of the time",
        description="Text as in 2026-01-31T12:00:00.000Z for a text point, or seconds since 1970 UTC for a number.",
    )
    reset_process: Literal["refuse", "confirm"] = field(
        "refuse",
        title="Reset process commands",
        description="How C_RP_NA_1 is answered. Confirm: a general reset (QRP 1) drops every selection and is "
        "followed by an end of initialization with cause 2 (remote reset). The reset of pending events (QRP 2) is "
        "refused in any case, because events are not deleted from afar.",
    )
    groups: list[CommandGroup] = field(default_factory=list, title="Groups", max_length=1000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.clock_synchronization == "forward" and self.clock_point is None:
            raise ValueError(
                "clock synchronization commands shall be forwarded to no point; give the point for the time"
            )
        labels = [group.label for group in self.groups]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two groups of commands are called {label!r}; give each its own label")
        for row in (row for group in self.groups for row in group.rows):
            if not self.direct_execute and (row.execution == "direct" or row.type == "C_BO"):
                raise ValueError(f"{row.shown} can only be executed directly, which is off; allow direct execute")
        return self

    def rows(self, common_address: int) -> Iterator[tuple[int, CommandRow]]:
        """Every command with its common address; ``common_address`` is that of the server."""
        for group in self.groups:
            for row in group.rows:
                yield group.common_address or common_address, row

    def check(self, common_address: int, monitored: Iterable[tuple[int, int]]) -> None:
        """Compare the commands with each other and with what is monitored (common address and IOA of each object).

        ``ValueError`` names the row and what would do.
        """
        known = set(monitored)
        taken: dict[tuple[int, int], str] = {}
        for address, row in self.rows(common_address):
            place = (address, row.ioa)
            if place in taken:
                raise ValueError(
                    f"IOA {row.ioa} of common address {address} is used twice, by {taken[place]} and by {row.shown}; "
                    "give each its own"
                )
            taken[place] = row.shown
            if row.return_ioa is not None and (address, row.return_ioa) not in known:
                raise ValueError(
                    f"{row.shown} has return information {row.return_ioa}, which is no monitored object of common "
                    f"address {address}; map it, or leave it empty"
                )
