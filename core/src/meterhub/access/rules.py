"""The rules for logins and sessions that an operator may set, and where they are kept."""

from __future__ import annotations

import asyncio

from meterhub_sdk import Config, field
from pydantic import ValidationError

from meterhub.access.errors import AccessRefused
from meterhub.store import Store
from meterhub.whole import whole


class LoginRules(Config):
    """How failed logins are supervised, for each user name and source, and how long a session lasts."""

    failures: int = field(5, title="Failed logins until the lock", ge=1, le=20)
    window: int = field(120, title="Time in which they count", unit="s", ge=10, le=3600)
    lock: int = field(600, title="Duration of the lock", unit="s", ge=10, le=86_400)
    idle: int = field(600, title="Session time-out without activity", unit="s", ge=60, le=86_400)


class LoginRulesStore:
    """The rules in force; they survive a restart."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._changing = asyncio.Lock()
        rows = store.read_now(lambda db: list(db.query("SELECT rules FROM access_login_rules")))
        self.current = LoginRules.model_validate_json(rows[0]["rules"]) if rows else LoginRules()

    @whole
    async def change(self, **changes: int) -> LoginRules:
        """Change some of the rules; :class:`AccessRefused` names the first field that is out of range."""
        async with self._changing:
            try:
                rules = LoginRules.model_validate({**self.current.model_dump(), **changes}, strict=True)
            except ValidationError as error:
                raise AccessRefused(_sentence(error)) from None
            text = rules.model_dump_json()
            sql = "INSERT OR REPLACE INTO access_login_rules (one, rules) VALUES (1, ?)"
            await self._store.write(lambda db: db.execute(sql, [text]))
            self.current = rules
            return rules


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    known = LoginRules.model_fields.get(name)
    if known is None:
        return f"There is no rule {name!r}: the rules are {', '.join(LoginRules.model_fields)}"
    return f"{known.title} ({name}) cannot be {first['input']!r:.40}: {first['msg']}"
