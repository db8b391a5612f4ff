"""Settings of a service: pydantic models whose fields know what they refer to.

The form, its checks, the documentation and the command line all come from these models, so give
every field a ``title`` and, where the title does not say it all, a ``description`` and a ``unit``.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from meterhub_sdk.point import check_element, check_name
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Config(BaseModel):
    """Base of the settings of one service, and of the rows and groups within them.

    ``version`` counts up when a field changes its meaning; :meth:`migrate` then turns the settings
    of an older version into today's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: ClassVar[int] = 1

    @classmethod
    def migrate(cls, old: dict[str, Any], version: int) -> dict[str, Any]:
        """Settings of the older ``version`` as settings of today's; plain JSON in, plain JSON out."""
        return old


def field(
    default: Any = ...,
    *,
    title: str,
    description: str | None = None,
    unit: str | None = None,
    widget: str | None = None,
    **limits: Any,
) -> Any:
    """A setting: its title, its help text, its unit, and pydantic's limits (``ge``, ``max_length`` …)."""
    extra: dict[str, Any] = {key: text for key, text in (("unit", unit), ("x-widget", widget)) if text is not None}
    return Field(default, title=title, description=description, json_schema_extra=extra or None, **limits)


Kind = Literal["point", "secret", "serial", "tcp", "udp"]


@dataclass(frozen=True, slots=True)
class Reference:
    """Marks a field that points outside its own section; ``exclusive`` ones only one service may hold."""

    kind: Kind
    exclusive: bool = False

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let forms know what the field refers to, whatever else its ``field(...)`` says."""
        return {**handler(core), "x-widget": self.kind}


@dataclass(frozen=True, slots=True)
class Found:
    """A reference found in a section: the path of the field, its value, and what it refers to."""

    path: tuple[str | int, ...]
    value: str | int
    reference: Reference


PointName = Annotated[str, AfterValidator(check_name), Reference("point")]
"""The full name of a point of another service; it must exist when the configuration is applied."""

Label = Annotated[str, AfterValidator(check_element)]
"""A name that becomes an element of point names: 1 to 64 characters without ``/ ? # % *`` or spaces."""

SecretName = Annotated[str, AfterValidator(check_element), Reference("secret")]
"""The name of a secret that is kept apart from the configuration; ``hub.secret(name)`` gives it."""

SerialPort = Annotated[str, AfterValidator(check_element), Reference("serial")]
"""The name of a configured serial port."""

TcpPort = Annotated[int, Field(ge=1, le=65535), Reference("tcp", exclusive=True)]
"""A TCP port to listen on; two services cannot have the same one."""

UdpPort = Annotated[int, Field(ge=1, le=65535), Reference("udp", exclusive=True)]
"""A UDP port to receive on; two services cannot have the same one."""


def references(section: BaseModel) -> Iterator[Found]:
    """Every reference in validated settings, with the path of its field."""
    yield from _in_model(section, ())


def _in_model(model: BaseModel, path: tuple[str | int, ...]) -> Iterator[Found]:
    for name, info in type(model).model_fields.items():
        yield from _in_value(getattr(model, name), info.annotation, list(info.metadata), (*path, name))


def _in_value(value: Any, annotation: Any, metadata: list[Any], path: tuple[str | int, ...]) -> Iterator[Found]:
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = [*metadata, *more]
    marks = [mark for mark in metadata if isinstance(mark, Reference)]
    if marks and type(value) is annotation:
        yield Found(path, value, marks[0])
    elif isinstance(value, BaseModel):
        yield from _in_model(value, path)
    elif get_origin(annotation) in (Union, types.UnionType):
        for choice in get_args(annotation):
            if choice is not type(None):
                yield from _in_value(value, choice, [], path)
    elif isinstance(value, list | tuple):
        inner = (get_args(annotation) or (Any,))[0]
        for index, item in enumerate(value):
            yield from _in_value(item, inner, [], (*path, index))
    elif isinstance(value, dict):
        inner = (get_args(annotation) or (Any, Any))[-1]
        for key, item in value.items():
            yield from _in_value(item, inner, [], (*path, str(key)))
