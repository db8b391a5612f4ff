"""The matrix: defaults, the operator's differences, fixed columns."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meterhub.access import ROLES, Access, AccessRefused, Matrix, Role
from meterhub.access.defaults import READ, RUN, declare_core
from meterhub.access.roles import FIXED, format_roles, parse_roles
from meterhub.store import Store

EXPORT = "/command/configuration/export"

# The reference device's matrix, box by box, with what its words add.
TICKED = {
    EXPORT: "R3 R5",
    "/command/diagnostics/download": "R2 R3 R4 R5",
    "/command/diagnostics/reboot": "R2 R3 R5",
    "/command/download/cancel": "R2 R3 R4 R5",
    "/command/event-log/read-entries": "R1 R2 R3 R4 R5 R6",
    "/command/users/change-password": "R1 R2 R3 R4 R5 R6 R7 R8 R9",
    "/command/users/set-roles": "R6",
    "/command/licences/install": "R5",
    "/command/configuration/apply": "R2 R3 R5",
}


@pytest.fixture
def matrix(open_store: Callable[[], Store]) -> Matrix:
    matrix = Matrix(open_store())
    declare_core(matrix)
    return matrix


def who_may(matrix: Matrix, path: str, verb: str) -> str:
    return format_roles(role for role in Role if role not in FIXED and matrix.allows([role], path, verb))


def test_every_role_is_described_and_two_are_fixed():
    assert set(ROLES) == set(Role)
    assert {Role.ACCESS_ADMIN, Role.MANUFACTURER} == FIXED
    assert len({info.name for info in ROLES.values()}) == len(Role)


def test_roles_are_written_as_they_are_read():
    assert format_roles(parse_roles("RA R5 R1")) == "R1 R5 RA"
    with pytest.raises(AccessRefused, match="There is no role 'R10'"):
        parse_roles("R1 R10")


@pytest.mark.parametrize(("path", "roles"), TICKED.items())
def test_the_defaults_are_those_of_the_reference(matrix: Matrix, path: str, roles: str):
    assert who_may(matrix, path, "run") == roles


@pytest.mark.parametrize("path", ["/data/points", "/data/event-log", "/status/clock", "/status/identifiers"])
def test_a_consumer_reads_what_the_words_give_him(matrix: Matrix, path: str):
    assert matrix.allows({Role.CONSUMER}, path, "read")


def test_a_consumer_runs_nothing_but_reading_and_what_is_his_own(matrix: Matrix):
    assert {path for path in RUN if matrix.allows([Role.CONSUMER], path, "run")} == {
        "/command/download/export",
        "/command/event-log/read-entries",
        "/command/second-factor/begin",
        "/command/second-factor/confirm",
        "/command/second-factor/remove",
        "/command/users/change-password",
    }


def test_access_admin_may_do_everything_and_the_manufacturer_all_but_manage_users_and_rights(matrix: Matrix):
    nodes = [(path, "read") for path in READ] + [(path, "run") for path in RUN]
    assert all(matrix.allows([Role.ACCESS_ADMIN], *node) for node in nodes)
    kept_out = {path for path, verb in nodes if not matrix.allows([Role.MANUFACTURER], path, verb)}
    rooms = ("users", "access", "tokens", "sessions")
    managing = {path for path in RUN if path.split("/")[2] in rooms}
    assert kept_out == managing - {"/command/users/change-password"}


def test_what_is_not_declared_is_allowed_to_nobody(matrix: Matrix):
    assert not matrix.allows(list(Role), "/command/configuration", "run")
    assert not matrix.allows(list(Role), EXPORT, "read")
    assert not matrix.allows([], EXPORT, "run")


async def test_a_changed_right_counts_at_once_and_survives_a_restart(matrix: Matrix, open_store: Callable[[], Store]):
    assert await matrix.set(EXPORT, "run", "R4", True)
    assert await matrix.set(EXPORT, "run", "R3", False)
    assert who_may(matrix, EXPORT, "run") == "R4 R5"
    again = Matrix(open_store())
    declare_core(again)
    assert who_may(again, EXPORT, "run") == "R4 R5"


async def test_a_change_back_to_the_default_is_no_difference(matrix: Matrix):
    assert await matrix.set(EXPORT, "run", "R4", True)
    assert await matrix.set(EXPORT, "run", "R4", False)
    assert not await matrix.set(EXPORT, "run", "R4", False)
    row = next(row for row in matrix.table() if row.path == EXPORT)
    assert all(cell.changed is None for cell in row.cells.values())


async def test_the_table_shows_default_change_and_effect(matrix: Matrix):
    await matrix.set(EXPORT, "run", "R3", False)
    row = next(row for row in matrix.table() if row.path == EXPORT)
    maintenance, admin = row.cells[Role.MAINTENANCE], row.cells[Role.ACCESS_ADMIN]
    assert (maintenance.default, maintenance.changed, maintenance.effective, maintenance.fixed) == (
        True,
        False,
        False,
        False,
    )
    assert (admin.default, admin.changed, admin.effective, admin.fixed) == (True, None, True, True)
    assert len(matrix.table()) == len(READ) + len(RUN)


async def test_reset_goes_back_to_the_defaults(matrix: Matrix, open_store: Callable[[], Store]):
    await matrix.set(EXPORT, "run", "R3", False)
    assert await matrix.reset(EXPORT) == [("run", Role.MAINTENANCE, False)]
    assert await matrix.reset(EXPORT) == []
    assert who_may(matrix, EXPORT, "run") == "R3 R5"
    again = Matrix(open_store())
    declare_core(again)
    assert who_may(again, EXPORT, "run") == "R3 R5"


@pytest.mark.parametrize("role", ["RA", "RM"])
async def test_the_fixed_columns_cannot_be_changed(matrix: Matrix, role: str):
    with pytest.raises(AccessRefused, match="fixed"):
        await matrix.set(EXPORT, "run", role, False)


@pytest.mark.parametrize(
    ("path", "verb", "role", "sentence"),
    [
        ("/command/nothing/here", "run", "R1", "There is no path '/command/nothing/here'"),
        (EXPORT, "run", "R0", "There is no role 'R0'"),
        (EXPORT, "write", "R1", "'write' is no verb of"),
        (EXPORT, "fly\n", "R1", "is no verb of"),
        ("x" * 10_000, "run", "R1", "There is no path 'x{64}…'"),
    ],
)
async def test_unknown_paths_verbs_and_roles_are_named(matrix: Matrix, path: str, verb: str, role: str, sentence: str):
    with pytest.raises(AccessRefused, match=sentence):
        await matrix.set(path, verb, role, True)


async def test_changes_wait_for_a_plugin_that_is_absent(matrix: Matrix, open_store: Callable[[], Store]):
    path = "/configuration/losses@north"
    matrix.declare(path, "read", "R2 R3 R5")
    matrix.declare(path, "write", "R5")
    await matrix.set(path, "write", "R2", True)
    matrix.withdraw(path)
    assert not matrix.allows([Role.DEVICE_ADMIN], path, "write")
    with pytest.raises(AccessRefused):
        await matrix.set(path, "write", "R3", True)
    again = Matrix(open_store())
    assert not again.table()
    again.declare(path, "write", ["R5"])
    assert who_may(again, path, "write") == "R2 R5"
    again.withdraw(path)
    assert await again.reset(path) == [("write", Role.INSTALLER, True)]


def test_a_node_cannot_be_declared_anew_with_wider_rights(matrix: Matrix):
    with pytest.raises(AccessRefused, match="declared already"):
        matrix.declare("/command/users/add", "run", "R1")
    matrix.declare("/command/users/add", "run", "R6")
    assert who_may(matrix, "/command/users/add", "run") == "R6"


@pytest.mark.parametrize(
    ("path", "verb"),
    [
        ("/status/x", "write"),
        ("/status", "read"),
        ("/other/x", "read"),
        ("status/x", "read"),
        ("/status/x/", "read"),
        ("/command/a/b/c/d", "run"),
        ("/command/" + "a" * 65, "run"),
        ("/command/a\nb", "run"),
    ],
)
def test_what_is_no_node_cannot_be_declared(matrix: Matrix, path: str, verb: str):
    with pytest.raises(AccessRefused):
        matrix.declare(path, verb, "R1")


async def test_a_fixed_role_among_the_defaults_of_a_plugin_gives_nothing(matrix: Matrix):
    matrix.declare("/command/losses/run", "run", "R3 RM RA")
    assert who_may(matrix, "/command/losses/run", "run") == "R3"
    assert matrix.allows([Role.MANUFACTURER], "/command/losses/run", "run")


async def test_a_request_without_the_right_is_refused_and_reported_once_an_hour(access: Access, log, clocks):
    _, anna = await access.login("anna", "correct horse battery", "10.0.0.1")
    await access.require(anna, EXPORT, "run")
    for _ in range(50):
        with pytest.raises(AccessRefused, match="'anna' does not have the right to run /command/users/add"):
            await access.require(anna, "/command/users/add", "run")
    assert log.kinds().count("access-denied") == 1
    clocks.seconds += 3600
    with pytest.raises(AccessRefused):
        await access.require(anna, "/command/users/add", "run")
    assert log.kinds().count("access-denied") == 2
