"""What people call this installation, and in which language and time zone its pages speak."""

from __future__ import annotations

from typing import Annotated

from meterhub_sdk import Config, ZoneName, field
from pydantic import AfterValidator, WithJsonSchema

from meterhub.language.languages import LANGUAGES


def _offered(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError(f"{code[:60]!r} is no language of this instance; give one of {', '.join(LANGUAGES)}")
    return code


def _line(name: str) -> str:
    if not name.isprintable():
        raise ValueError("the name holds a line break or another control character; give it in one line")
    return name.strip()


Language = Annotated[
    str,
    AfterValidator(_offered),
    WithJsonSchema({"type": "string", "enum": list(LANGUAGES), "x-labels": LANGUAGES}),
]
"""The code of a language that is offered."""


class InstanceConfig(Config):
    """What people call this installation, and how its pages speak to them."""

    name: Annotated[str, AfterValidator(_line)] = field(
        "",
        title="Name",
        description="What people call this installation, such as Substation North. Everybody who reaches the page "
        "sees it, before the login too.",
        max_length=100,
    )
    language: Language | None = field(
        None,
        title="Language",
        description="Of the pages, in browsers where nobody chose another. Without one, it is what each browser "
        "prefers.",
    )
    time_zone: ZoneName | None = field(
        None,
        title="Time zone",
        description="Of the times on the pages, such as Europe/Warsaw. Without one, it is that of each browser. Times "
        "that are kept and sent stay as they are.",
    )
