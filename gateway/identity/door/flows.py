"""The flows of both doors, put together once out of the parts that they share.

The road of a login: handlers.py (parses) -> login.py (the password) -> ../proofs/codes.py (a challenge, its mail) -> the
person -> handlers.py -> login_code.py (the code) -> ../sessions/opening.py (the session, the trail, the tokens) ->
../sessions/refreshing.py from then on.
"""

from dataclasses import dataclass

from gateway.identity.door.login import LoggingIn
from gateway.identity.door.login_code import LoginCodes
from gateway.identity.door.registration import Registering
from gateway.identity.door.verification import Verifying
from gateway.identity.parts import IdentityParts
from gateway.identity.people.journal import Journal
from gateway.identity.people.letters import Notices
from gateway.identity.people.wrong_attempts import WrongAttempts
from gateway.identity.proofs.totp_codes import TotpCodes
from gateway.identity.sessions.opening import SessionOpener
from gateway.identity.sessions.refresh_tokens import RefreshTokens
from gateway.identity.sessions.refreshing import Refreshing


@dataclass(frozen=True, slots=True)
class Flows:
    """One of each."""

    registering: Registering
    verifying: Verifying
    logging_in: LoggingIn
    login_codes: LoginCodes
    refreshing: Refreshing


def flows_of(parts: IdentityParts) -> Flows:
    """The flows over `parts`."""
    journal = Journal(parts.audit)
    notices = Notices(parts.notices, parts.jobs)
    attempts = WrongAttempts(parts.limits)
    refresh_tokens = RefreshTokens(parts.key_ring)
    opener = SessionOpener(parts.sessions, refresh_tokens, parts.access_tokens, journal, parts.identifiers)
    return Flows(
        registering=Registering(parts.passwords, parts.codes, parts.identifiers),
        verifying=Verifying(parts.codes, parts.challenges, parts.announcer),
        logging_in=LoggingIn(
            passwords=parts.passwords,
            attempts=attempts,
            codes=parts.codes,
            journal=journal,
            notices=notices,
            afterwards=parts.afterwards,
        ),
        login_codes=LoginCodes(
            codes=parts.codes,
            challenges=parts.challenges,
            totp=TotpCodes(parts.key_ring),
            attempts=attempts,
            opener=opener,
            journal=journal,
        ),
        refreshing=Refreshing(
            sessions=parts.sessions,
            refresh_tokens=refresh_tokens,
            opener=opener,
            notices=notices,
            announcer=parts.announcer,
            clock=parts.clock,
        ),
    )
