"""Time-based codes: the window, each step once, the secret sealed for its person."""

from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from gateway.identity.proofs.totp_codes import TotpCodes, otpauth_uri
from storage.models.people import Totp
from storage.sealing import KeyRing, Unreadable

SECOND = 1_000_000_000
STEP = 30 * SECOND
NOW = 1_700_000_010 * SECOND  # the first second of a step
RING = KeyRing({"k1": "a secret of the tests"})
RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def code_at(secret: str, now: int) -> str:
    return pyotp.TOTP(secret).at(now // SECOND)


def test_codes_of_the_step_and_its_neighbours_count_and_no_others() -> None:
    codes = TotpCodes(RING)
    totp, secret = codes.make("usr_1", NOW)
    for steps, counts in {-2: False, -1: True, 0: True, 1: True, 2: False}.items():
        taken = codes.accept("usr_1", totp, code_at(secret, NOW + steps * STEP), NOW)
        assert (taken is not None) == counts, steps


def test_a_step_counts_once_and_an_earlier_one_not_after_it() -> None:
    codes = TotpCodes(RING)
    totp, secret = codes.make("usr_1", NOW)
    code = code_at(secret, NOW)
    taken = codes.accept("usr_1", totp, code, NOW)
    assert taken is not None
    assert codes.accept("usr_1", taken, code, NOW + 29 * SECOND) is None
    assert codes.accept("usr_1", taken, code_at(secret, NOW - STEP), NOW) is None
    later = codes.accept("usr_1", taken, code_at(secret, NOW + STEP), NOW + STEP)
    assert later is not None
    assert later.last_step == taken.last_step + 1


def test_the_known_answer_of_the_standard() -> None:
    totp = Totp(sealed_secret=RING.seal(RFC_SECRET.encode(), b"totp:usr_1"), created_at=0)
    taken = TotpCodes(RING).accept("usr_1", totp, "081804", 1_111_111_109 * SECOND)  # RFC 6238, appendix B, 6 digits
    assert taken is not None
    assert taken.last_step == 0x23523EC


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", "１２３４５６", "-12345", " 12345", "123456\n"])
def test_what_is_not_six_digits_is_a_wrong_code(code: str) -> None:
    codes = TotpCodes(RING)
    totp, _secret = codes.make("usr_1", NOW)
    assert codes.accept("usr_1", totp, code, NOW) is None


def test_the_secret_is_sealed_and_opens_for_nobody_else() -> None:
    codes = TotpCodes(RING)
    totp, secret = codes.make("usr_1", NOW)
    assert secret not in totp.model_dump_json()
    assert totp.confirmed_at is None
    with pytest.raises(Unreadable):
        codes.accept("usr_2", totp, code_at(secret, NOW), NOW)


def test_the_uri_is_what_authenticators_read() -> None:
    parts = urlsplit(otpauth_uri(RFC_SECRET, "ada@example.com"))
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/OMNIAXS:ada%40example.com")
    assert parse_qs(parts.query) == {"secret": [RFC_SECRET], "issuer": ["OMNIAXS"]}
