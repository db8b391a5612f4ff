"""The second factor: codes by RFC 6238 that are good once, recovery codes, and what ends them."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from meterhub.access import Access, AccessRefused, Principal
from meterhub.access.errors import CodeNeeded
from meterhub.sealing import SealingKey

PASSWORD = "correct horse battery"
HERE = "10.0.0.1"
SECOND = 1_000_000_000


class Phone:
    """An authenticator app with a clock of its own."""

    def __init__(self, secret: str, clocks) -> None:
        self._totp = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
        self._clocks = clocks

    def code(self, ahead: int = 0) -> str:
        return self._totp.generate(self._clocks.nanoseconds // SECOND + ahead).decode()


Enrolled = tuple[Phone, list[str]]


@pytest.fixture
def enrol(access: Access, clocks) -> Callable[..., Awaitable[Enrolled]]:
    """Sets up the second factor of a user; the next code is another one."""

    async def set_up(user: str = "anna") -> Enrolled:
        _, by = await access.login(user, PASSWORD, HERE)
        setup = await access.administration.begin_second_factor(by, PASSWORD, "Meterhub gate")
        phone = Phone(setup.secret, clocks)
        codes = await access.administration.confirm_second_factor(by, phone.code())
        clocks.nanoseconds += 60 * SECOND
        return phone, codes

    return set_up


async def test_the_address_for_the_app_holds_what_rfc_6238_names(access: Access):
    _, anna = await access.login("anna", PASSWORD, HERE)
    setup = await access.administration.begin_second_factor(anna, PASSWORD, "Meterhub gate")
    url = urlsplit(setup.uri)
    assert (url.scheme, url.netloc, url.path) == ("otpauth", "totp", "/Meterhub%20gate:anna")
    said = {name: values[0] for name, values in parse_qs(url.query).items()}
    expected = {"algorithm": "SHA1", "digits": "6", "period": "30", "issuer": "Meterhub gate", "secret": setup.secret}
    assert said == expected
    assert len(base64.b32decode(setup.secret)) == 20


async def test_a_login_asks_for_a_code_and_opens_no_session_without(access: Access, enrol, log):
    phone, _ = await enrol()
    await access.sessions.end_user("anna")
    with pytest.raises(CodeNeeded, match="code"):
        await access.login("anna", PASSWORD, HERE)
    assert access.sessions.all() == []
    token, principal = await access.login("anna", PASSWORD, HERE, f" {phone.code()[:3]} {phone.code()[3:]}")
    assert access.resolve(token) == principal
    assert "second-factor-on" in log.kinds()
    assert log.kinds()[-1] == "login"


async def test_what_was_only_begun_changes_no_login(access: Access, clocks, log):
    _, anna = await access.login("anna", PASSWORD, HERE)
    manage = access.administration
    setup = await manage.begin_second_factor(anna, PASSWORD, "Meterhub")
    phone = Phone(setup.secret, clocks)
    wrong = "000000" if phone.code() != "000000" else "111111"
    for code in (wrong, "", "12345", "abcdef", "\ud800", phone.code(-90), phone.code(90)):
        with pytest.raises(AccessRefused, match="The code is wrong"):
            await manage.confirm_second_factor(anna, code)
    await access.login("anna", PASSWORD, HERE)
    clocks.seconds += 599
    renewed = await manage.begin_second_factor((await access.login("anna", PASSWORD, HERE))[1], PASSWORD, "Meterhub")
    clocks.seconds += 601
    with pytest.raises(AccessRefused, match="begin again"):
        await manage.confirm_second_factor(anna, Phone(renewed.secret, clocks).code())
    assert "second-factor-on" not in log.kinds()


@pytest.mark.parametrize(("ahead", "good"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
async def test_one_step_of_tolerance_either_way(access: Access, enrol, clocks, ahead: int, good: bool):
    phone, _ = await enrol()
    clocks.nanoseconds += 60 * SECOND
    if good:
        await access.login("anna", PASSWORD, HERE, phone.code(ahead))
    else:
        with pytest.raises(AccessRefused, match="The code is wrong, or it was used before"):
            await access.login("anna", PASSWORD, HERE, phone.code(ahead))


async def test_each_step_is_good_once_after_a_restart_too(access: Access, enrol, start):
    phone, _ = await enrol()
    await access.login("anna", PASSWORD, HERE, phone.code())
    for room in (access, start()):
        for ahead in (0, -30):  # the code before it is over with it
            with pytest.raises(AccessRefused, match="used before"):
                await room.login("anna", PASSWORD, HERE, phone.code(ahead))
        with pytest.raises(CodeNeeded):
            await room.login("anna", PASSWORD, HERE)
    await start().login("anna", PASSWORD, HERE, phone.code(30))


async def test_of_two_logins_with_one_code_at_a_time_one_gets_in(access: Access, enrol):
    phone, _ = await enrol()
    logins = (access.login("anna", PASSWORD, HERE, phone.code()) for _ in range(2))
    answers = await asyncio.gather(*logins, return_exceptions=True)
    assert sorted(isinstance(answer, AccessRefused) for answer in answers) == [False, True]


async def test_a_recovery_code_is_good_once_however_it_is_typed(access: Access, enrol, start, log):
    _, codes = await enrol()
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9a-z]{4}-){3}[0-9a-z]{4}", code) for code in codes)
    await access.login("anna", PASSWORD, HERE, codes[0])
    await access.login("anna", PASSWORD, HERE, codes[1].upper().replace("-", " "))
    assert [one[1]["left"] for one in log.entries if one[0] == "recovery-code-used"] == [9, 8]
    again = start()
    assert again.second_factors.recovery_codes("anna") == 8
    with pytest.raises(AccessRefused, match="used before"):
        await again.login("anna", PASSWORD, HERE, codes[1])


async def test_neither_secret_nor_codes_stand_readable_on_disk_or_in_the_log(access: Access, enrol, tmp_path, log):
    phone, codes = await enrol()
    await access.login("anna", PASSWORD, HERE, phone.code())
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("core.db*"))
    for code in codes:
        assert code.encode() not in kept
        assert code.replace("-", "").encode() not in kept
    secret = phone._totp._hotp._key
    assert secret not in kept
    assert phone.code() not in str(log.entries)


async def test_wrong_codes_lock_like_wrong_passwords_and_the_right_password_alone_does_not_reset_them(
    access: Access, enrol, log
):
    phone, _ = await enrol()
    for _ in range(5):
        with pytest.raises(AccessRefused, match="The code is wrong"):
            await access.login("anna", PASSWORD, HERE, phone.code(-3000))
        with pytest.raises((CodeNeeded, AccessRefused)):
            await access.login("anna", PASSWORD, HERE)
    with pytest.raises(AccessRefused, match="try again in 600 s"):
        await access.login("anna", PASSWORD, HERE, phone.code())
    assert log.kinds().count("code-refused") == 5
    assert "login-locked" in log.kinds()
    await access.login("anna", PASSWORD, "10.0.0.2", phone.code())


async def test_asking_for_the_code_is_no_failed_login(access: Access, enrol, root: Principal):
    phone, _ = await enrol()
    await access.administration.set_supervision(root, failures=1)
    for _ in range(5):
        with pytest.raises(CodeNeeded):
            await access.login("anna", PASSWORD, HERE)
    await access.login("anna", PASSWORD, HERE, phone.code())


async def test_a_wrong_password_says_nothing_of_the_second_factor(access: Access, enrol):
    phone, _ = await enrol()
    for code in ("", phone.code()):
        with pytest.raises(AccessRefused, match="The user name or the password is wrong") as refused:
            await access.login("anna", "wrong", HERE, code)
        assert not isinstance(refused.value, CodeNeeded)
    await access.login("anna", PASSWORD, HERE, phone.code())  # which was not spent


@pytest.mark.parametrize("kind", ["password", "code", "recovery code"])
async def test_the_own_one_is_removed_with_the_password_or_a_code(access: Access, enrol, log, kind: str):
    phone, codes = await enrol()
    _, anna = await access.login("anna", PASSWORD, HERE, codes[1])
    proof = {"password": PASSWORD, "code": phone.code(), "recovery code": codes[0]}[kind]
    manage = access.administration
    with pytest.raises(AccessRefused, match="neither"):
        await manage.remove_own_second_factor(anna, "something else")
    await manage.remove_own_second_factor(anna, proof)
    await access.login("anna", PASSWORD, HERE)
    assert log.kinds()[-3:] == ["password-refused", "second-factor-off", "login"]


async def test_setting_up_needs_the_password_and_a_session(access: Access, clocks, log):
    manage = access.administration
    token, anna = await access.login("anna", PASSWORD, HERE)
    for _ in range(5):
        with pytest.raises(AccessRefused, match="The password is wrong"):
            await manage.begin_second_factor(anna, "a guess", "Meterhub")
    with pytest.raises(AccessRefused, match="try again"):
        await manage.begin_second_factor(anna, PASSWORD, "Meterhub")
    secret, _ = await manage.create_token(anna, "robot", "R5", 3600)
    with pytest.raises(AccessRefused, match="API token"):
        await manage.begin_second_factor(access.resolve(secret), PASSWORD, "Meterhub")
    assert access.resolve(token) == anna


async def test_there_is_one_for_each_user(access: Access, enrol):
    _, codes = await enrol()
    _, anna = await access.login("anna", PASSWORD, HERE, codes[0])
    with pytest.raises(AccessRefused, match="already"):
        await access.administration.begin_second_factor(anna, PASSWORD, "Meterhub")


async def test_api_tokens_need_no_code(access: Access, enrol):
    _, codes = await enrol()
    _, anna = await access.login("anna", PASSWORD, HERE, codes[0])
    secret, token = await access.administration.create_token(anna, "robot", "R5", 3600)
    assert access.resolve(secret).name == "anna"
    await access.pass_for(token.id, secret, "", HERE)


async def test_a_security_administrator_removes_that_of_others_but_not_of_ra(
    access: Access, security: Principal, root: Principal, enrol, log
):
    await access.users.add("rita", "RA")
    await access.users.activate("rita", PASSWORD)
    await enrol()
    await enrol("rita")
    manage = access.administration
    await manage.remove_second_factor(security, "anna")
    await access.login("anna", PASSWORD, HERE)
    with pytest.raises(AccessRefused, match="managed by RA only"):
        await manage.remove_second_factor(security, "rita")
    await manage.remove_second_factor(root, "rita")
    with pytest.raises(AccessRefused, match="'rita' has no second factor"):
        await manage.remove_second_factor(root, "rita")
    assert log.kinds().count("second-factor-removed") == 2


@pytest.mark.parametrize("change", ["reset_user", "delete_user"])
async def test_it_goes_with_the_password_and_with_the_user(access: Access, root, enrol, start, change: str):
    await enrol()
    await getattr(access.administration, change)(root, "anna")
    if change == "delete_user":
        await access.users.add("anna", "R5")
    await access.users.activate("anna", PASSWORD)
    for room in (access, start()):
        assert not room.second_factors.active("anna")
        await room.login("anna", PASSWORD, HERE)


async def test_recovery_of_access_admin_takes_it_too(access: Access, start, clocks):
    first = await access.administration.recover_admin()
    _, admin = await access.login("access_admin", first, HERE)
    setup = await access.administration.begin_second_factor(admin, first, "Meterhub")
    await access.administration.confirm_second_factor(admin, Phone(setup.secret, clocks).code())
    with pytest.raises(CodeNeeded):
        await access.login("access_admin", first, HERE)
    second = await access.administration.recover_admin()
    for room in (access, start()):
        await room.login("access_admin", second, HERE)


async def test_without_the_key_of_the_secrets_recovery_codes_still_let_in(
    access: Access, enrol, start, key: SealingKey
):
    phone, codes = await enrol()
    key.path.unlink()
    again = start()
    with pytest.raises(AccessRefused, match="use a recovery code"):
        await again.login("anna", PASSWORD, HERE, phone.code())
    await again.login("anna", PASSWORD, HERE, codes[0])
