"""The bodies of registration and login, read field by field. No refusal repeats a password, a code or a token. Pure."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

from gateway.http.fields import BodyReader
from gateway.identity.door.login_code import AskedChallenge
from gateway.identity.door.registration import AdminRegistration, UserRegistration
from gateway.identity.people.chosen_password import chosen_password
from gateway.identity.sessions.refresh_tokens import LEAST_CHARACTERS, MOST_CHARACTERS
from ops.runtime.languages import DEFAULT_LANGUAGE, LANGUAGES
from storage.models.people import AdminRole, Audience, PreferredLanguage

_DEFAULT_LOGIN_ROLE: Final = "super_admin"
_REGISTERED_ROLES: Final = ("ops_admin", "compliance_admin")
Body = Mapping[str, Any]


class Login(NamedTuple):
    """The first step of a login."""

    email: str
    password: str
    role: str | None


def user_registration(body: Body) -> UserRegistration:
    """What a user registers with. Raises `request.invalid`."""
    reader = BodyReader(body)
    email, password = _new_person(reader)
    display_name = reader.name("display_name")
    company_name = reader.name("company_name", most=160)
    country_region = reader.text("country_region", required=True, least=2, most=64)
    language = _language(reader)
    reader.finish()
    return UserRegistration(
        email=email,
        password=password,
        display_name=display_name or "",
        company_name=company_name or "",
        country_region=country_region or "",
        preferred_language=language,
    )


def admin_registration(body: Body) -> AdminRegistration:
    """What an admin registers with. Raises `request.invalid`, for the role super_admin too."""
    reader = BodyReader(body)
    email, password = _new_person(reader)
    display_name = reader.name("display_name")
    role = reader.choice("role", _REGISTERED_ROLES) or "ops_admin"
    language = _language(reader)
    reader.finish()
    return AdminRegistration(
        email=email,
        password=password,
        display_name=display_name or "",
        role=cast("AdminRole", role),
        preferred_language=language,
    )


def email_only(body: Body) -> str:
    """An address."""
    reader = BodyReader(body)
    email = reader.email("email")
    reader.finish()
    return email or ""


def verification(body: Body) -> tuple[str, str]:
    """An address and the code that was mailed to it."""
    reader = BodyReader(body)
    email, code = reader.email("email"), reader.code("verification_code")
    reader.finish()
    return email or "", code or ""


def login(audience: Audience, body: Body) -> Login:
    """An address and its password; of an admin the role too, by the contract super_admin where none is named."""
    reader = BodyReader(body)
    email, password = reader.email("email"), reader.password("password")
    role = None
    if audience == "admin":
        role = reader.text("role", least=2, most=64) or _DEFAULT_LOGIN_ROLE
    reader.finish()
    return Login(email or "", password or "", role)


def login_challenge(audience: Audience, body: Body) -> AskedChallenge:
    """Which challenge is to get another code."""
    reader = BodyReader(body)
    asked = _challenge(audience, reader)
    reader.finish()
    return asked


def login_code(audience: Audience, body: Body) -> tuple[AskedChallenge, str]:
    """Which challenge is answered, and the code."""
    reader = BodyReader(body)
    asked, code = _challenge(audience, reader), reader.code("otp_code")
    reader.finish()
    return asked, code or ""


def refresh_token(body: Body) -> str:
    """A refresh token."""
    reader = BodyReader(body)
    token = reader.text("refresh_token", required=True, least=LEAST_CHARACTERS, most=MOST_CHARACTERS)
    reader.finish()
    return token or ""


def _challenge(audience: Audience, reader: BodyReader) -> AskedChallenge:
    email = reader.email("email")
    challenge_id = reader.text("challenge_id", required=True, least=8, most=64)
    role = reader.text("role", required=True, least=2, most=64) if audience == "admin" else None
    return AskedChallenge(email or "", challenge_id or "", role)


def _new_person(reader: BodyReader) -> tuple[str, str]:
    email = reader.email("email") or ""
    return email, chosen_password(reader, "password", email)


def _language(reader: BodyReader) -> PreferredLanguage:
    return cast("PreferredLanguage", reader.choice("preferred_language", LANGUAGES) or DEFAULT_LANGUAGE)
