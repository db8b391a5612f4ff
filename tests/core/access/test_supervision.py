"""Login supervision: five failures in two minutes lock for ten, for each user and source."""

from __future__ import annotations

import pytest

from meterhub.access import AccessRefused, LoginRules
from meterhub.access.supervision import CROWD, MOST, Supervision


@pytest.fixture
def supervision(clocks) -> Supervision:
    return Supervision(LoginRules, clocks.monotonic)


def fail(supervision: Supervision, user: str, source: str, times: int = 5) -> None:
    for _ in range(times):
        assert supervision.attempt(user, source) is None
        supervision.failed(user, source)


def test_the_fifth_failure_locks_for_ten_minutes(supervision: Supervision, clocks):
    fail(supervision, "anna", "10.0.0.1", 4)
    assert supervision.attempt("anna", "10.0.0.1") is None
    assert supervision.failed("anna", "10.0.0.1") == 600
    assert supervision.attempt("anna", "10.0.0.1").seconds == 600
    clocks.seconds += 599
    assert supervision.attempt("anna", "10.0.0.1").seconds == 1
    clocks.seconds += 1
    fail(supervision, "anna", "10.0.0.1", 4)


def test_another_source_and_another_user_are_not_affected(supervision: Supervision):
    fail(supervision, "anna", "10.0.0.1")
    assert supervision.attempt("anna", "10.0.0.2") is None
    assert supervision.attempt("bert", "10.0.0.1") is None
    assert supervision.locked() == [("anna", "10.0.0.1", 600)]


def test_failures_further_apart_than_the_window_do_not_lock(supervision: Supervision, clocks):
    for _ in range(50):
        fail(supervision, "anna", "10.0.0.1", 1)
        clocks.seconds += 31  # four in any 120 s


def test_a_success_forgets_the_failures(supervision: Supervision):
    for _ in range(10):
        fail(supervision, "anna", "10.0.0.1", 4)
        assert supervision.attempt("anna", "10.0.0.1") is None
        supervision.succeeded("anna", "10.0.0.1")


def test_guesses_in_parallel_are_counted_before_they_are_evaluated(supervision: Supervision):
    answers = [supervision.attempt("anna", "10.0.0.1") for _ in range(20)]
    assert [answer is None for answer in answers] == [True] * 5 + [False] * 15
    assert [answer.begins for answer in answers if answer] == [True] + [False] * 14
    assert answers[-1].refused == 15


def test_tries_during_the_lock_do_not_prolong_it(supervision: Supervision, clocks):
    fail(supervision, "anna", "10.0.0.1")
    for _ in range(6):
        assert supervision.attempt("anna", "10.0.0.1")
        clocks.seconds += 100
    assert supervision.attempt("anna", "10.0.0.1") is None


@pytest.mark.parametrize(
    ("first", "second", "one"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("unix", "unix", True),
    ],
)
def test_what_one_person_can_change_at_will_is_one_source(supervision: Supervision, first: str, second: str, one: bool):
    fail(supervision, "anna", first)
    assert (supervision.attempt("anna", second) is not None) is one


def test_one_name_in_two_unicode_forms_is_counted_as_one(supervision: Supervision):
    fail(supervision, "Zo\u00eb", "10.0.0.1")
    assert supervision.attempt("Zoe\u0308", "10.0.0.1") is not None


def test_a_new_password_opens_the_lock(supervision: Supervision):
    fail(supervision, "anna", "10.0.0.1")
    fail(supervision, "bert", "10.0.0.1")
    supervision.forget("anna")
    assert supervision.attempt("anna", "10.0.0.1") is None
    assert supervision.attempt("bert", "10.0.0.1") is not None


def test_a_flood_of_names_from_one_source_locks_that_source_and_frees_no_lock(supervision: Supervision):
    fail(supervision, "anna", "10.0.0.1")
    refused = [supervision.attempt(f"name {number}", "10.6.6.6") is not None for number in range(MOST + 5)]
    assert refused == [False] * (MOST - 1) + [True] * 6
    assert supervision.attempt("anna", "10.0.0.1") is not None
    assert supervision.attempt("bert", "10.0.0.1") is None
    assert ("", "10.6.6.6", 600) in supervision.locked()
    assert len(supervision._records) + len(supervision._sources) <= MOST


def test_a_flood_from_everywhere_pushes_out_counts_but_never_a_lock(supervision: Supervision):
    fail(supervision, "anna", "10.0.0.1")
    fail(supervision, "bert", "10.0.0.1", 4)
    for number in range(MOST + 5):
        assert supervision.attempt("name", f"10.{1 + number // 62500}.{number // 250 % 250}.{number % 250}") is None
    assert supervision.attempt("anna", "10.0.0.1") is not None
    assert len(supervision._records) == MOST


def test_a_table_full_of_locks_turns_newcomers_away_until_one_ends(clocks):
    supervision = Supervision(lambda: LoginRules(failures=1), clocks.monotonic)
    for number in range(MOST):
        fail(supervision, "name", f"10.{number // 62500}.{number // 250 % 250}.{number % 250}", 1)
    assert supervision.attempt("anna", "192.168.0.1").seconds == 600
    clocks.seconds += 600
    assert supervision.attempt("anna", "192.168.0.1") is None


def test_expired_records_make_room_before_anybody_is_blamed(supervision: Supervision, clocks):
    for number in range(MOST):
        assert supervision.attempt(f"name {number}", "10.6.6.6") is None
    clocks.seconds += 121
    assert supervision.attempt("anna", "10.6.6.6") is None
    assert len(supervision._records) == 1
    assert CROWD > 32


async def test_the_rules_can_be_changed_within_limits_and_stay(start, access, root, log):
    await access.administration.set_supervision(root, failures=2, lock=60)
    assert log.entries[-1][1]["sentence"].endswith("to failures 2, window 120, lock 60, idle 600.")
    for changes, sentence in [
        ({"failures": 0}, r"\(failures\) cannot be 0: Input should be greater than or equal to 1"),
        ({"lock": 86_401}, r"Duration of the lock \(lock\) cannot be 86401"),
        ({"idle": 59}, r"\(idle\) cannot be 59"),
        ({"window": "120"}, r"\(window\) cannot be '120'"),
        ({"wibble": 1}, "There is no rule 'wibble'"),
    ]:
        with pytest.raises(AccessRefused, match=sentence):
            await access.administration.set_supervision(root, **changes)
    again = start()
    assert again.rules.current == LoginRules(failures=2, lock=60)
    for _ in range(2):
        with pytest.raises(AccessRefused, match="wrong"):
            await again.login("anna", "not the password", "10.0.0.1")
    with pytest.raises(AccessRefused, match="try again in 60 s"):
        await again.login("anna", "not the password", "10.0.0.1")
