"""The walls of a worker process: files, network, system calls, privileges and limits, as far as the kernel has them.

Applied by the worker to itself, once and for good, before it imports any code of a plugin:

    profile = Profile(read=python_paths(exclude=home), write=(own,), network=False, serial=(), memory=128 << 20)
    report = apply(profile, core=os.getppid())

Descriptors that are open by then, such as the socket pair to the core, go on working.
"""

from __future__ import annotations

from pathlib import Path

from meterhub.sandbox import capabilities, landlock, limits, namespace, seccomp
from meterhub.sandbox.paths import python_paths
from meterhub.sandbox.profile import Profile, Report, SandboxError

__all__ = ["Profile", "Report", "SandboxError", "apply", "python_paths"]


def apply(profile: Profile, *, core: int | None = None) -> Report:
    """Confine this process and all that it will start; irrevocable.

    `core` is the process id of the core: the worker ends at once if that is no longer its parent. The core must have
    started it from a thread that lives as long as the core (the kernel watches the thread, not the process).

    What the kernel lacks is in the report's `missing`, and the other layers still hold. Raises SandboxError, before
    anything is applied, when the process has more than one thread or the profile names a symbolic link as writable or
    something that is no serial port as one.
    """
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        raise SandboxError("The process has several threads; the sandbox would hold for one of them only.")
    landlock.check(profile)
    report = Report() if profile.network else namespace.leave_network()
    report += capabilities.drop(keep_low_ports=profile.network)
    report += limits.tie_to(core)
    version, files = _confine_files(profile)
    report += files
    report += limits.limit(profile.memory, profile.open_files, held=landlock.held(profile))
    return report + seccomp.install(profile, landlock=version)


def _confine_files(profile: Profile) -> tuple[int, Report]:
    """The Landlock version that holds from now on, 0 for none."""
    try:
        version = landlock.abi()
    except OSError as error:
        reason = f"files: not confined, because the kernel has no Landlock ({error.strerror})"
        return 0, Report(missing=(reason,))
    report = landlock.restrict(profile, version)
    return (0 if report.missing else version), report
