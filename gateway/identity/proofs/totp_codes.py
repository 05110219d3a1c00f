"""Time-based codes (RFC 6238): made, shown once, and checked so that each code counts once. Login and self-service share it."""

from typing import Final

import pyotp
from pyotp.exceptions import OTPVerificationError

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.people import Totp
from storage.sealing import KeyRing

ISSUER: Final = "OMNIAXS"
DRIFT_STEPS: Final = 1
"""Codes of the step before and after count too: clocks differ, and typing takes time. A step is 30 s."""
_CODE_DIGITS: Final = 6


class TotpCodes:
    """The second factors of people. Secrets are sealed for the person they belong to."""

    def __init__(self, key_ring: KeyRing) -> None:
        self._key_ring = key_ring

    def make(self, subject_id: str, now: int) -> tuple[Totp, str]:
        """A new factor that is not confirmed yet, and its secret in base32, which is shown this once. `now` in ns."""
        secret = pyotp.random_base32()
        sealed = self._key_ring.seal(secret.encode(), _context(subject_id))
        return Totp(sealed_secret=sealed, created_at=now), secret

    def accept(self, subject_id: str, totp: Totp, code: str, now: int) -> Totp | None:
        """The factor after `code` was taken at `now` (ns); None for a wrong code and for one of a step that was taken.

        The code counts only once the result is stored in place of `totp` (guarded by the person's version): of two
        who send the same code at the same time one wins.
        """
        if not (len(code) == _CODE_DIGITS and code.isascii() and code.isdigit()):
            return None
        secret = self._key_ring.open(totp.sealed_secret, _context(subject_id)).decode()
        try:
            step = pyotp.TOTP(secret).verify_and_get_timecode(
                code, for_time=now // NANOSECONDS_PER_SECOND, valid_window=DRIFT_STEPS
            )
        except OTPVerificationError:
            return None
        return totp.model_copy(update={"last_step": step}) if step > totp.last_step else None


def otpauth_uri(secret: str, email: str) -> str:
    """What an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def _context(subject_id: str) -> bytes:
    return f"totp:{subject_id}".encode()
