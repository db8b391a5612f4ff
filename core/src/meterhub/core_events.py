"""The core's own event types that belong to no room of their own (numbers 300 to 399)."""

from __future__ import annotations

from meterhub_sdk import EventType, Log, Severity

STARTED = EventType(
    number=300,
    name="instance-started",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    text="Meterhub {version} started ({mode})",
    help="Nothing to do. The mode is 'normal', or 'safe' after repeated crashes: third-party plugins are then off.",
)
STOPPED = EventType(
    number=301,
    name="instance-stopped",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    text="Meterhub stopped in order",
    help="Nothing to do. A start without this entry before it means that the power failed or the core was killed.",
)
UNCLEAN = EventType(
    number=302,
    name="unclean-stop",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    text="The instance did not stop in order last time",
    help="Power failed or the core was killed. Nothing acknowledged is lost; look for the reason in the system's log.",
)
SAFE_MODE = EventType(
    number=303,
    name="safe-mode",
    log=Log.SYSTEM,
    severity=Severity.CRITICAL,
    text="Started in safe mode after {starts} unclean stops: third-party plugins are off",
    help="Remove or mend the plugin that makes the instance crash, then restart it.",
)
WORKER_STARTED = EventType(
    number=310,
    name="worker-started",
    log=Log.DIAGNOSTICS,
    severity=Severity.INFO,
    text="Worker {worker} is ready after {seconds} s",
    help="Nothing to do.",
)
WORKER_LOST = EventType(
    number=311,
    name="worker-lost",
    log=Log.FATAL,
    severity=Severity.ERROR,
    text="Worker {worker} ({versions}) was lost: {reason}. Its last words: {last_words}",
    help="It is started again by itself. If it happens again, read meterhub logs and tell the plugin's author.",
)
WORKER_REFUSED = EventType(
    number=312,
    name="plugin-not-importable",
    log=Log.FATAL,
    severity=Severity.ERROR,
    text="Plugin {plugin} cannot be run: {reason}",
    help="Read meterhub logs; install another version of the plugin.",
)
PLUGIN_REFUSED = EventType(
    number=313,
    name="plugin-refused",
    log=Log.SECURITY,
    severity=Severity.ALERT,
    text="Plugin {plugin} was refused: {reason}",
    help="Its files are not what its publisher signed. Install it again from a source you trust.",
)
PLUGIN_ADDED = EventType(
    number=314,
    name="plugin-added",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
    text="Plugin {plugin} {version} by {publisher} is available",
    help="Nothing to do.",
)
PLUGIN_GONE = EventType(
    number=315,
    name="plugin-gone",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
    text="Plugin {plugin} is no longer installed",
    help="Its configuration is kept and marked.",
)
SYNTHESIZER_UPLOADED = EventType(
    number=316,
    name="synthesizer-uploaded",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
    text="{user} uploaded the synthesizer {plugin} {version} by {publisher} (release {release}, before: {before})",
    help="Nothing to do.",
)
SYNTHESIZER_REFUSED = EventType(
    number=317,
    name="synthesizer-refused",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="{user} uploaded {file}, which was refused: {reason}",
    help="Nothing changed. The reason says what would do.",
)
SYNTHESIZER_REMOVED = EventType(
    number=318,
    name="synthesizer-removed",
    log=Log.UPDATE,
    severity=Severity.NOTICE,
    text="{user} removed the synthesizer {plugin} {version}; settings without it: {kept}",
    help="The settings of its services, if any, are kept and marked; upload it again to use them.",
)
SERVICE_WAITING = EventType(
    number=320,
    name="service-waiting",
    log=Log.SYSTEM,
    severity=Severity.ERROR,
    text="{service} waits for the administrator: {reason}",
    help="Mend the settings and apply them.",
)
SERVICE_FAILED = EventType(
    number=321,
    name="service-failed",
    log=Log.FATAL,
    severity=Severity.ERROR,
    text="{service} ({version}) failed and is started again: {reason}",
    help="Read meterhub logs for the traceback and tell the plugin's author.",
)
SERVICE_RETRYING = EventType(
    number=322,
    name="service-retrying",
    log=Log.COMMUNICATION,
    severity=Severity.WARNING,
    text="{service} cannot work yet and tries again: {reason}",
    help="Bring back what it waits for.",
)
SERVICE_RECOVERED = EventType(
    number=323,
    name="service-recovered",
    log=Log.COMMUNICATION,
    severity=Severity.NOTICE,
    text="{service} works again",
    help="Nothing to do.",
)
PROTEST = EventType(
    number=324,
    name="worker-overstepped",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="Worker {worker} did what it may not: {reason}",
    help="Tell the plugin's author; if you do not trust it, remove the plugin.",
)
POINT_WRITTEN = EventType(
    number=330,
    name="point-written",
    log=Log.COMMUNICATION,
    severity=Severity.NOTICE,
    text="{requester} set {point} to {value} ({reason}), command {command}",
    help="Nothing to do.",
)
WRITE_REFUSED = EventType(
    number=331,
    name="write-refused",
    log=Log.COMMUNICATION,
    severity=Severity.WARNING,
    text="{requester} could not set {point} to {value}: {reason}, command {command}",
    help="The reason says what would do; the command ledger has the rest under that number.",
)
INTERRUPTED = EventType(
    number=332,
    name="commands-interrupted",
    log=Log.COMMUNICATION,
    severity=Severity.WARNING,
    text="The instance ended while {count} commands were running: nobody knows whether they were done",
    help="The command ledger has them with the outcome unknown; look at the devices.",
)
SUBSTITUTED = EventType(
    number=333,
    name="point-substituted",
    log=Log.COMMUNICATION,
    severity=Severity.NOTICE,
    text="{user} substituted {point} by {value} until {until} ({reason})",
    help="Every server marks the point as substituted until then.",
)
SUBSTITUTION_ENDED = EventType(
    number=334,
    name="substitution-ended",
    log=Log.COMMUNICATION,
    severity=Severity.NOTICE,
    text="The substitution of {point} by {user} ended: {because}",
    help="Nothing to do.",
)
CONFIG_APPLIED = EventType(
    number=340,
    name="configuration-applied",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    text="{user} applied revision {revision}; changed: {changed}",
    help="Nothing to do.",
)
CONFIG_CONFIRMED = EventType(
    number=341,
    name="configuration-confirmed",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    text="{user} confirmed revision {revision}",
    help="Nothing to do.",
)
CONFIG_ROLLED_BACK = EventType(
    number=342,
    name="configuration-rolled-back",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    text="Revision {revision} was taken back, revision {back} runs again: {reason}",
    help="Mend the draft and apply it again.",
)
CONFIG_EDITOR = EventType(
    number=343,
    name="configuration-mode",
    log=Log.SYSTEM,
    severity=Severity.INFO,
    text="{user} {action} the configuration mode",
    help="Nothing to do.",
)
REQUEST_REFUSED = EventType(
    number=350,
    name="request-refused",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="{user} was refused {verb} {path}: {reason}",
    help="Nothing changed. The reason says what would do.",
)
REQUEST_DONE = EventType(
    number=351,
    name="request-done",
    log=Log.ACCESS,
    severity=Severity.INFO,
    text="{user} did {verb} {path}",
    help="Nothing to do.",
)
STORE_FAILED = EventType(
    number=360,
    name="store-failed",
    log=Log.FATAL,
    severity=Severity.CRITICAL,
    text="The core's database cannot be written: {reason}",
    help="Free space on the disk or mend it.",
)
QUEUE_OVERFLOW = EventType(
    number=361,
    name="queue-overflow",
    log=Log.DIAGNOSTICS,
    severity=Severity.WARNING,
    text="The queue {queue} was full: {count} readings were dropped",
    help="Its follower reads too slowly or does not run; what was dropped is marked in its data.",
)

BAD_PEER = EventType(
    number=352,
    name="bad-peer",
    log=Log.SECURITY,
    severity=Severity.WARNING,
    text="A connection to the control socket was closed: {reason}",
    help="A program that may open the control socket does not speak its protocol; find out which one.",
)

RESTORED_FROM_BACKUP = EventType(
    number=370,
    name="restored-from-backup",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    text="Restored from the backup of {backup}, made by version {version}; this is restore number {count}",
    help="What happened after the backup was made is in the old home, which the restore left beside the new one.",
)

RESTART_ASKED = EventType(
    number=380,
    name="restart-asked",
    log=Log.SYSTEM,
    severity=Severity.NOTICE,
    text="{user} restarts the instance",
    help="Nothing to do. It stops in order and is started again by what supervises it.",
)
REBOOT_ASKED = EventType(
    number=381,
    name="reboot-asked",
    log=Log.SYSTEM,
    severity=Severity.WARNING,
    text="{user} reboots the machine",
    help="Nothing to do. Everything on the machine stops in order.",
)
REBOOT_FAILED = EventType(
    number=382,
    name="reboot-failed",
    log=Log.SYSTEM,
    severity=Severity.ERROR,
    text="The machine was not rebooted: {reason}",
    help="Allow the user of the instance to reboot: by a polkit rule for org.freedesktop.login1.reboot and its like.",
)

ALL = tuple(value for value in globals().values() if isinstance(value, EventType))
