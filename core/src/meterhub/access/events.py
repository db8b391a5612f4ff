"""What this room reports to the event log: numbers 100 to 199 of the core."""

from __future__ import annotations

from typing import Protocol

from meterhub_sdk import EventType, Log, Severity

Parameter = str | int | float | bool | None


class AccessReport(Protocol):
    """Takes what happened; returns when it is on disk. What it raises reaches whoever asked."""

    async def __call__(self, event: EventType, /, **parameters: Parameter) -> None:
        """Record ``event`` with the parameters that its text names."""
        ...


def _login(number: int, name: str, text: str, severity: Severity = Severity.INFO, help: str = "") -> EventType:
    return EventType(number=number, name=name, text=text, log=Log.AUTHENTICATION, severity=severity, help=help)


def _rights(number: int, name: str, text: str, severity: Severity = Severity.NOTICE, help: str = "") -> EventType:
    return EventType(number=number, name=name, text=text, log=Log.ACCESS, severity=severity, help=help)


LOGIN = _login(100, "login", "{user} logged in from {source}.")
LOGIN_FAILED = _login(
    101,
    "login-failed",
    "A login as {user} from {source} failed.",
    Severity.WARNING,
    "Ask the user; when it was not him, look for a pattern in the sources. Names that no user has are not written "
    "down, because people type passwords into the wrong field.",
)
LOGIN_LOCKED = _login(
    102,
    "login-locked",
    "Logins as {user} from {source} are locked for {seconds} s after {failures} failures.",
    Severity.ERROR,
    "The lock ends by itself; other sources are not affected. Find out who tries.",
)
LOGIN_REFUSED = _login(
    103,
    "login-refused",
    "Logins as {user} from {source} go on during the lock: {refused} refused so far.",
    Severity.WARNING,
    "Written at the 1st, 10th, 100th refused try and so on, so that an attacker cannot fill the log.",
)
LOGOUT = _login(104, "logout", "{user} logged out.")
SESSION_ENDED = _login(105, "session-ended", "The session of {user} from {source} ended: {reason}.")
PASSWORD_CHANGED = _login(106, "password-changed", "{user} changed the own password.", Severity.NOTICE)
PASSWORD_REFUSED = _login(
    107,
    "password-refused",
    "{user} gave a wrong password from {source} when changing the own password or second factor.",
    Severity.WARNING,
    "It counts like a failed login. Somebody may sit at an open session of that user.",
)
SECOND_FACTOR_ON = _login(108, "second-factor-on", "{user} switched on the second factor.", Severity.NOTICE)
SECOND_FACTOR_OFF = _login(109, "second-factor-off", "{user} switched off the second factor.", Severity.NOTICE)
CODE_REFUSED = _login(
    110,
    "code-refused",
    "A login as {user} from {source} had the right password and a wrong code.",
    Severity.WARNING,
    "It counts like a failed login. When it was not that user, somebody knows the password: have it changed.",
)
RECOVERY_CODE_USED = _login(
    111,
    "recovery-code-used",
    "{user} spent a recovery code from {source}; {left} are left.",
    Severity.NOTICE,
    "When the phone is lost, remove the second factor and set it up on another one.",
)
PROVIDER_LOGIN = _login(
    112,
    "provider-login",
    "{user} logged in from {source}: {issuer} vouched for the subject {subject} and the roles {roles}.",
)
PROVIDER_LOGIN_REFUSED = _login(
    113,
    "provider-login-refused",
    "{user} was not let in from {source}: {issuer} vouched for the subject {subject}, but for no role.",
    Severity.WARNING,
    "Give one of the user's groups a role in the settings of HTTP, or ask why the user comes here.",
)

USER_ADDED = _rights(120, "user-added", "{by} added the user {user} with the roles {roles}.")
USER_ACTIVATED = _rights(121, "user-activated", "{by} activated the user {user}.")
USER_RESET = _rights(
    122, "user-reset", "{by} removed the password of {user} and the {tokens} API tokens that went with it."
)
USER_DELETED = _rights(123, "user-deleted", "{by} deleted the user {user} and the {tokens} API tokens of that user.")
ROLES_CHANGED = _rights(124, "roles-changed", "{by} changed the roles of {user} from {before} to {roles}.")
ADMIN_RECOVERED = _rights(
    125,
    "admin-recovered",
    "A new password for {user} was generated at the device itself.",
    Severity.ALERT,
    "Only the owner of the instance can do this. If it was nobody of yours, somebody else controls the machine.",
)
SECOND_FACTOR_REMOVED = _rights(126, "second-factor-removed", "{by} removed the second factor of {user}.")
RIGHT_CHANGED = _rights(130, "right-changed", "{by} changed the right of {role} to {verb} {path} to {right}.")
LOGIN_RULES_CHANGED = _rights(131, "login-rules-changed", "{by} changed the rules for logins to {rules}.")
TOKEN_CREATED = _rights(140, "token-created", "{by} created the API token {label} ({token}) of {user} for {roles}.")
TOKEN_REVOKED = _rights(141, "token-revoked", "{by} revoked the API token {label} ({token}) of {user}.")
ACCESS_DENIED = _rights(
    150,
    "access-denied",
    "{by} from {source} was refused to {verb} {path}.",
    Severity.WARNING,
    "Written at most once an hour for the same user and path. Give the right in the matrix, or ask the user why.",
)

EVENT_TYPES: tuple[EventType, ...] = (
    LOGIN,
    LOGIN_FAILED,
    LOGIN_LOCKED,
    LOGIN_REFUSED,
    LOGOUT,
    SESSION_ENDED,
    PASSWORD_CHANGED,
    PASSWORD_REFUSED,
    SECOND_FACTOR_ON,
    SECOND_FACTOR_OFF,
    CODE_REFUSED,
    RECOVERY_CODE_USED,
    PROVIDER_LOGIN,
    PROVIDER_LOGIN_REFUSED,
    USER_ADDED,
    USER_ACTIVATED,
    USER_RESET,
    USER_DELETED,
    ROLES_CHANGED,
    ADMIN_RECOVERED,
    SECOND_FACTOR_REMOVED,
    RIGHT_CHANGED,
    LOGIN_RULES_CHANGED,
    TOKEN_CREATED,
    TOKEN_REVOKED,
    ACCESS_DENIED,
)
