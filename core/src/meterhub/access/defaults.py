"""The default rights to the core's own nodes: the one table to review.

Two sources: what is known of each role in words, and the boxes ticked by default in the reference
device's matrix. Where they differ the words win. RA has every right and RM all but the management
of users and rights, so neither stands here. ``/configuration/<service>`` and what services add are
declared with the services.
"""

from __future__ import annotations

from meterhub.access.rights import Matrix, Verb

_ALL = "R1 R2 R3 R4 R5 R6"
_EVERY_ROLE = f"{_ALL} R7 R8 R9"
# Whoever works at the device or on its settings.
_TECHNICAL = "R2 R3 R5"
_TECHNICAL_AND_OPERATIONS = "R2 R3 R4 R5"

READ: dict[str, str] = {
    # Identifiers, clock, status, instantaneous values and event logs belong to every role in words.
    "/status/instance": _ALL,
    "/status/identifiers": _ALL,
    "/status/services": _ALL,
    "/status/clock": _ALL,
    "/data/points": _ALL,
    "/data/event-log": _ALL,
    # What may be asked for at all; the answer holds only what the caller may use.
    "/data/descriptions": _EVERY_ROLE,
    "/data/description": _EVERY_ROLE,
    "/status/downloads": _EVERY_ROLE,
    "/data/download": _EVERY_ROLE,  # the own ones
    # Who switched what, and what does not read what its device says, concerns whoever works with the values.
    "/data/commands": _TECHNICAL_AND_OPERATIONS,
    "/data/substitutions": _TECHNICAL_AND_OPERATIONS,
    # The machinery behind them helps whoever looks for a fault, and is no business of a consumer.
    "/status/workers": _TECHNICAL_AND_OPERATIONS,
    "/status/hub": _TECHNICAL_AND_OPERATIONS,
    "/status/protocol-conversion": _TECHNICAL_AND_OPERATIONS,
    # What goes over the lines, and how a value comes about: for whoever looks for faults in the installation.
    "/data/frames": "R3 R5",
    "/data/point-trace": "R3 R5",
    "/status/plugins": "R2 R3 R4 R5 R6",
    "/status/synthesizers": "R2 R3 R4 R5 R6",
    "/status/uploads": _TECHNICAL,  # everybody sees his own
    "/status/licences": _TECHNICAL_AND_OPERATIONS,
    "/status/secrets": "R5",
    "/status/configuration": "R2 R3 R4 R5 R6",
    "/data/configuration-history": _TECHNICAL,
    "/data/configuration-revision": _TECHNICAL,  # of that the sections that the caller may read
    # Names of users, their roles and where they are logged in: only for who manages them.
    "/status/users": "R6",
    "/status/access": "R6",
    "/status/second-factor": _EVERY_ROLE,  # the own one
    "/data/sessions": "R6",
}

RUN: dict[str, str] = {
    # The matrix ticks R2 and R3 only; in words the consumer (R1) and operations (R4) read event logs,
    # the device administrator (R5) reads everything of the device, and the security administrator
    # (R6) cannot do his work without the logs of logins and rights.
    "/command/event-log/read-entries": _ALL,
    "/command/event-log/verify": "R3 R4 R5 R6",
    # Editing as such; which sections somebody may change is the right to write each /configuration/<service>.
    "/command/configuration/enter": _TECHNICAL,
    "/command/configuration/leave": _TECHNICAL,
    "/command/configuration/check": _TECHNICAL,
    "/command/configuration/diff": _TECHNICAL,
    "/command/configuration/save": _TECHNICAL,
    "/command/configuration/apply": _TECHNICAL,
    "/command/configuration/confirm": _TECHNICAL,
    "/command/configuration/discard": _TECHNICAL,
    # Throws away another person's work, or replaces the whole document whatever the sections allow.
    "/command/configuration/cancel-other": "R5",
    "/command/configuration/import": "R5",
    "/command/configuration/load-demo": "R5",
    "/command/configuration/restore-defaults": "R5",
    "/command/configuration/revert": "R5",
    "/command/configuration/export": "R3 R5",  # as the matrix
    # In words R6 manages users and their roles, one page of the reference asks for RA to change roles:
    # R6 may, and the fixed roles and their holders are RA's alone (Administration sees to that).
    "/command/users/add": "R6",
    "/command/users/activate": "R6",
    "/command/users/reset": "R6",
    "/command/users/delete": "R6",
    "/command/users/set-roles": "R6",
    "/command/users/change-password": _EVERY_ROLE,  # the own one
    "/command/users/remove-second-factor": "R6",
    "/command/second-factor/begin": _EVERY_ROLE,  # the own one, as all here
    "/command/second-factor/confirm": _EVERY_ROLE,
    "/command/second-factor/remove": _EVERY_ROLE,
    "/command/access/set-right": "R6",
    "/command/access/reset-right": "R6",
    "/command/access/set-supervision": "R6",
    "/command/sessions/revoke": "R6",
    # A token never holds more than its user: for the roles that let machines in.
    "/command/tokens/create": "R4 R5 R6",
    "/command/tokens/revoke": "R4 R5 R6",
    "/command/licences/install": "R5",
    "/command/licences/remove": "R5",
    "/command/features/switch": "R5",
    # Passwords and keys of communication are the device administrator's in words.
    "/command/licences/trust-vendor": "R5 R6",
    "/command/secrets/set": "R5",
    "/command/secrets/delete": "R5",
    # Switches real equipment: testing an installation needs it, watching one does not.
    "/command/points/write": "R3 R5",
    "/command/points/substitute": "R3 R5",
    "/command/points/release": "R3 R5",
    "/command/services/restart": "R3 R5",
    "/command/frame-recorder/export": "R3 R5",
    "/command/point-trace/start": "R3 R5",
    "/command/point-trace/stop": "R3 R5",
    "/command/plugins/rescan": "R3 R5",
    "/command/plugins/remove": "R5",
    # An upload alone does nothing; whoever may run the command that takes it decides.
    "/command/upload/begin": _TECHNICAL,
    "/command/upload/append": _TECHNICAL,
    "/command/upload/finish": _TECHNICAL,
    "/command/upload/cancel": _TECHNICAL,
    # Only what a trusted publisher signed, and of that only what computes: the device administrator's.
    "/command/synthesizer/upload": "R5",
    "/command/synthesizer/remove": "R5",
    # Whose code may run is a question of security, not of whoever installs it; both may say stop.
    "/command/plugins/trust": "R6",
    "/command/plugins/revoke": "R5 R6",
    "/command/diagnostics/download": _TECHNICAL_AND_OPERATIONS,  # as the matrix
    "/command/diagnostics/reboot": _TECHNICAL,  # as the matrix
    "/command/diagnostics/restart": _TECHNICAL,  # less than a reboot
    "/command/download/export": _EVERY_ROLE,  # of what the caller may read
    "/command/download/cancel": _TECHNICAL_AND_OPERATIONS,  # as the matrix
    "/command/backup/create": "R5",
}


def declare_core(matrix: Matrix) -> None:
    """Enter the core's own nodes into the matrix."""
    for path, roles in READ.items():
        matrix.declare(path, Verb.READ, roles)
    for path, roles in RUN.items():
        matrix.declare(path, Verb.RUN, roles)
