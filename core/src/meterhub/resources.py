"""The tree of paths: what a request does, and who may.

``/status/<service>``, ``/configuration/<service>``, ``/command/<service>/<name>`` and
``/data/<service>/<set>`` name a thing everywhere: in REST, in the matrix of rights, on the command
line and in the audit log. The caller's rights are checked here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from meterhub_sdk import Config, Fault, Invalid, MeterhubError, NotFound, Refused
from meterhub_sdk.checking import validate

from meterhub.access.gate import Access
from meterhub.access.principal import Principal
from meterhub.core_events import REQUEST_DONE, REQUEST_REFUSED
from meterhub.ports import EventRecorder

Verb = Literal["get", "put", "delete", "post"]
Action = Callable[[Principal, Any], Awaitable[Any]]
_RIGHTS = {"get": "read", "put": "write", "delete": "write"}
_QUIET = (
    "/command/event-log/",
    "/command/configuration/check",
    "/command/configuration/diff",
    "/command/upload/",
    "/data/",
)
_TOLD_BY_ITS_ROOM = (
    "/command/points/write",
    "/command/points/substitute",
    "/command/licences/install",
    "/command/synthesizer/upload",
)


class Node(msgspec.Struct, frozen=True):
    """One verb of one path. ``arguments`` is the model of the body, where it has one."""

    path: str
    verb: Verb
    action: Action
    title: str = ""
    arguments: type[Config] | None = None


class Tree:
    """All nodes of the instance; services add and remove theirs as they come and go."""

    def __init__(self, access: Access, events: EventRecorder) -> None:
        self._access = access
        self._events = events
        self._nodes: dict[tuple[str, str], Node] = {}

    def add(self, *nodes: Node) -> None:
        """Enter nodes; their rights are declared in the matrix by whoever owns them."""
        for node in nodes:
            self._nodes[node.path, node.verb] = node

    def remove(self, path: str) -> None:
        """Take a path out, with all its verbs."""
        for key in [key for key in self._nodes if key[0] == path]:
            del self._nodes[key]

    def nodes(self, principal: Principal) -> list[Node]:
        """The nodes that the principal may use."""
        allows = self._access.matrix.allows
        return [n for n in self._nodes.values() if allows(principal.roles, n.path, self._right(n.path, n.verb))]

    def node(self, path: str, verb: Verb) -> Node | None:
        """The node of a path and verb, whoever may use it."""
        return self._nodes.get((path, verb))

    async def require(self, principal: Principal, node: Node) -> None:
        """:class:`AccessRefused`, which is recorded, without the right to a node."""
        await self._access.require(principal, node.path, self._right(node.path, node.verb))

    async def request(self, principal: Principal, verb: str, path: str, body: Any = None) -> Any:
        """Do what is asked; the answer is plain JSON.

        :class:`NotFound`, :class:`AccessRefused` (recorded), or :class:`Refused` with one sentence.
        """
        node = self._nodes.get((path, verb))
        if node is None:
            known = [key[1] for key in self._nodes if key[0] == path]
            if known:
                await self._require_any(principal, path, known)
                raise NotFound(f"{path} has no {verb[:10]}; it has {' and '.join(sorted(known))}")
            raise NotFound(f"there is no path {path[:200]}")
        await self.require(principal, node)
        loud = verb != "get" and not path.startswith(_QUIET)
        try:
            answer = await node.action(principal, self._arguments(node, body))
        except MeterhubError as error:
            self._tell_refused(loud, principal, verb, path, str(error))
            raise
        except OSError as error:
            refused = Refused(f"{path} could not be done: {error.strerror or error}")
            self._tell_refused(loud, principal, verb, path, str(refused))
            raise refused from error
        if faults := _faults(answer):
            self._tell_refused(loud, principal, verb, path, "; ".join(faults))
        elif loud:
            await self._events.record(
                REQUEST_DONE, source="resources", user=principal.name, verb=verb, path=path, via=principal.via
            )
        return msgspec.to_builtins(answer, enc_hook=_plain, str_keys=True)

    async def _require_any(self, principal: Principal, path: str, verbs: list[str]) -> None:
        """What a path has is told to nobody who may use none of it."""
        rights = [self._right(path, verb) for verb in verbs]
        if not any(self._access.matrix.allows(principal.roles, path, right) for right in rights):
            await self._access.require(principal, path, rights[0])

    def _tell_refused(self, loud: bool, principal: Principal, verb: str, path: str, reason: str) -> None:
        """Nothing changed, so the answer does not wait for the event, which a full disk may keep from being written."""
        if loud and path not in _TOLD_BY_ITS_ROOM:
            self._events.record_soon(
                REQUEST_REFUSED, source="resources", user=principal.name, verb=verb, path=path, reason=reason
            )

    def _right(self, path: str, verb: str) -> str:
        return "run" if path.startswith("/command/") else _RIGHTS.get(verb, "read")

    def _arguments(self, node: Node, body: Any) -> Any:
        if node.arguments is None:
            return body
        if body is not None and not isinstance(body, dict):
            raise Refused(f"{node.path} takes an object of named arguments, not {type(body).__name__}")
        checked, faults = validate(node.arguments, body or {})
        if checked is None:
            raise Invalid(faults)
        return checked


def _faults(answer: Any) -> list[str]:
    """Why settings were turned down; an answer that has such errors changed nothing."""
    errors = answer.get("errors") if isinstance(answer, dict) else getattr(answer, "errors", None)
    faults = [fault for fault in errors if isinstance(fault, Fault)] if isinstance(errors, list) else []
    return [f"{'.'.join(map(str, fault.path))}: {fault.message}" for fault in faults]


def _plain(value: Any) -> Any:
    if isinstance(value, Config):
        return value.model_dump(mode="json")
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
