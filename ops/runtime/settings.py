"""Every setting of every process, in one class: `OMNIAXS_` variables and `.env`, checked before anything starts."""

import difflib
import os
import re
from collections.abc import Mapping
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Any, Literal

from dotenv import dotenv_values
from email_validator import validate_email
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "OMNIAXS_"
CLIENT_VARIABLES = frozenset({"OMNIAXS_URL", "OMNIAXS_API_KEY", "OMNIAXS_API_SECRET", "OMNIAXS_ADMIN_PASSWORD"})
SHORTEST_TOKEN = 16
DEMO_KEY_RING = "demo:not-a-secret-local-profile-only"
DEMO_SIGNING_KEYS = "demo:signs-nothing-but-the-local-profile"
_SECRETS = ("key_ring", "signing_keys", "mail_url", "alert_webhooks", "alertmanager_token")
_PASSWORD = re.compile(r"(?<=//)([^/:@]*):[^/]*@")


class SettingsError(Exception):
    """A setting is unknown or has a value that cannot be; the text is one readable line for each."""


class AlertWebhook(BaseModel):
    """Somebody who is told of alerts by HTTP: `secret` signs what is sent (docs/alerts.md). `enabled` false: not now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    url: str = Field(pattern=r"^https?://[^/?#@\s]+([/?][^#\s]*)?$", max_length=2_000)
    secret: SecretStr = Field(min_length=16)
    enabled: bool = True


class Settings(BaseSettings):
    """All settings. A URL chooses the adapter: `memory://` or `kafka://host:port[,...]`, `mongomock://` or
    `mongodb://...`, `memory://` or `redis://...`.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True)

    mode: Literal["non-production", "production"] = "non-production"
    log_url: str = Field(default="memory://", pattern=r"^(memory://|kafka://[^/]+)$")
    log_compression: Literal["none", "lz4", "zstd"] = "zstd"
    store_url: str = Field(default="mongomock://", pattern=r"^(mongomock://|mongodb(\+srv)?://.+)$")
    store_database: str = Field(default="omniaxs", min_length=1)
    jobs_url: str = Field(default="memory://", pattern=r"^(memory://|rediss?://.+|amqps?://.+)$")
    limits_url: str = Field(default="memory://", pattern=r"^(memory://|rediss?://.+)$")

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    rest_server: Literal["hypercorn", "granian", "uvicorn"] = Field(
        default="hypercorn",
        description="granian or uvicorn: a listener for REST alone on the REST port, at a third of what hypercorn costs",
    )
    rest_port: int = Field(default=8082, ge=0, le=65_535, description="of the listener for REST alone")
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(default=8081, ge=0, le=65_535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"
    topic_partitions: dict[str, int] = Field(default_factory=dict, description='by topic name, e.g. {"quotes": 16}')
    topic_retention_ms: dict[str, int] = Field(default_factory=dict, description="by topic name; -1 keeps for ever")
    topic_prefix: str = Field(default="", pattern=r"^[a-z0-9.-]*$", description="for a broker that platforms share")
    key_ring: SecretStr = Field(
        default=SecretStr(DEMO_KEY_RING),
        description="encryption keys as id:secret, comma-separated; the first one seals, all of them open",
    )

    signing_keys: SecretStr = Field(
        default=SecretStr(DEMO_SIGNING_KEYS),
        description="keys of access tokens as id:secret, comma-separated; the first one signs, all of them are accepted",
    )
    admin_registration: Literal["approval", "open", "closed"] | None = Field(
        default=None,
        description="whether a registered admin waits for a super_admin; not set: approval, and open in `up`",
    )
    mail_url: SecretStr = Field(
        default=SecretStr("inbox://"),
        description="inbox:// or smtp://, smtp+starttls:// (required) or smtps:// with [user:password@]host[:port]",
    )
    mail_sender: str = Field(default="OMNIAXS Global Hub <no-reply@omniaxs.example>", min_length=3)
    mail_timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)
    alert_recipients: tuple[str, ...] = Field(default=(), description="e-mail addresses that alerts are mailed to")
    alert_webhooks: tuple[AlertWebhook, ...] = Field(
        default=(), description='who is told of alerts: [{"name": ..., "url": ..., "secret": ...}] (docs/alerts.md)'
    )
    alertmanager_token: SecretStr | None = Field(
        default=None,
        description="the bearer token of Prometheus' Alertmanager, 16 characters or more; not set: not heard",
    )
    blocked_countries: tuple[str, ...] = Field(
        default=("CU", "IR", "KP", "SY"), description="ISO 3166-1 alpha-2 codes that the waitlist refuses"
    )
    country_database: Path | None = Field(default=None, description="a MaxMind DB file that tells an address's country")

    sandbox_deposit: str = Field(default="1000000", pattern=r"^\d+(\.\d{1,8})?$", description="in USD, to new accounts")
    market_flush_milliseconds: int = Field(default=100, ge=1, le=10_000)
    late_trade_seconds: int = Field(default=86_400, ge=0)
    market_weight_per_minute: int = Field(default=1_200, ge=1)
    account_reads_per_minute: int = Field(default=600, ge=1)
    public_requests_per_minute: int = Field(default=600, ge=1)
    auth_requests_per_minute: int = Field(default=10, ge=1, description="an address of the caller, without credentials")
    auth_attempts_per_minute: int = Field(default=5, ge=1, description="an e-mail address")
    wrong_passwords: int = Field(default=10, ge=1, description="an e-mail address, in 15 minutes; then it is locked")
    user_requests_per_minute: int = Field(default=300, ge=1)
    admin_requests_per_minute: int = Field(default=300, ge=1)
    orders_per_second: int = Field(default=50, ge=1, description="an account, at one gateway and all together")
    orders_per_day: int = Field(default=100_000, ge=1)
    cancels_per_second: int = Field(default=100, ge=1)
    connections_per_key: int = Field(default=20, ge=1)
    websocket_message_bytes: int = Field(default=64 * 1024, ge=1024)
    websocket_topics: int = Field(default=1_024, ge=1)
    websocket_messages_per_second: int = Field(default=20, ge=1)
    websocket_buffer_bytes: int = Field(default=8 * 1024 * 1024, ge=64 * 1024)
    websocket_lossless_bytes: int = Field(default=1024 * 1024, ge=64 * 1024)
    cors_origins: tuple[str, ...] = ()
    trusted_proxy_hops: int = Field(default=0, ge=0, description="how many proxies in front may set X-Forwarded-For")
    drain_seconds: float = Field(default=10.0, ge=0.0, le=300.0)
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @field_validator("alert_webhooks")
    @classmethod
    def _named_once(cls, webhooks: tuple[AlertWebhook, ...]) -> tuple[AlertWebhook, ...]:
        if len({one.name for one in webhooks}) < len(webhooks):
            raise ValueError("two webhooks have the same name")
        return webhooks

    @field_validator("alert_recipients")
    @classmethod
    def _addresses(cls, recipients: tuple[str, ...]) -> tuple[str, ...]:
        for one in recipients:
            validate_email(one, check_deliverability=False, test_environment=True)  # raises ValueError
        return recipients

    @field_validator("alertmanager_token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value()) < SHORTEST_TOKEN:
            raise ValueError(f"it needs at least {SHORTEST_TOKEN} characters")
        return token

    @property
    def local_log(self) -> bool:
        """Whether the log lives inside one process and dies with it."""
        return self.log_url.startswith("memory://")

    @property
    def local_store(self) -> bool:
        """Whether the store lives inside one process and dies with it."""
        return self.store_url.startswith("mongomock://")

    @property
    def local_jobs(self) -> bool:
        """Whether jobs live inside one process and die with it."""
        return self.jobs_url.startswith("memory://")


def load_settings(environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")) -> Settings:
    """The settings of this process.

    Raises `SettingsError` for an unknown `OMNIAXS_` variable (with the nearest name), a value that cannot be, or a
    production mode that still has the demonstration secrets or an in-process log or store.
    """
    variables = dict(os.environ if environment is None else environment)
    from_file = {name: value for name, value in dotenv_values(env_file).items() if value is not None}
    problems = [_unknown(name) for name in sorted({*variables, *from_file}) if _is_unknown(name)]
    if problems:
        raise SettingsError("\n".join(problems))
    values = {
        name[len(PREFIX) :].lower(): text for name, text in {**from_file, **variables}.items() if _is_setting(name)
    }
    try:
        settings = Settings(_env_file=None, **_decoded(values))
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(problem) for problem in error.errors())) from None
    if settings.mode == "production":
        _refuse_demonstration(settings)
    return settings


def sources(environment: Mapping[str, str] | None = None, env_file: Path = Path(".env")) -> dict[str, str]:
    """For each setting where its value comes from: `environment`, `.env` or `default`."""
    variables = os.environ if environment is None else environment
    in_file = dotenv_values(env_file)
    names = {name: f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    return {
        name: "environment" if variable in variables else ".env" if variable in in_file else "default"
        for name, variable in names.items()
    }


def without_password(text: str) -> str:
    """A URL as people may see it: the password of `scheme://user:password@host` is hidden, all else stays."""
    return _PASSWORD.sub(r"\1:(hidden)@", text)


def _is_setting(name: str) -> bool:
    return name.startswith(PREFIX) and name[len(PREFIX) :].lower() in Settings.model_fields


def _is_unknown(name: str) -> bool:
    return name.startswith(PREFIX) and name not in CLIENT_VARIABLES and not _is_setting(name)


def _unknown(name: str) -> str:
    known = [f"{PREFIX}{field.upper()}" for field in Settings.model_fields] + sorted(CLIENT_VARIABLES)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return f"{name} is not a setting; the nearest is {nearest}"


def _decoded(values: Mapping[str, str]) -> dict[str, Any]:
    decoded: dict[str, Any] = dict(values)
    for name in (
        "topic_partitions",
        "topic_retention_ms",
        "cors_origins",
        "blocked_countries",
        "alert_recipients",
        "alert_webhooks",
    ):
        if name in values:
            try:
                decoded[name] = loads(values[name])
            except JSONDecodeError as error:
                raise SettingsError(f"{PREFIX}{name.upper()} must be JSON: {error}") from None
    return decoded


def _explain(problem: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    hidden = any(secret in name for secret in _SECRETS) or (name.endswith("_url") and "@" in str(problem["input"]))
    shown = "" if hidden else f" (it is {problem['input']!r})"
    return f"{PREFIX}{name.upper()}: {problem['msg']}{shown}"


def _refuse_demonstration(settings: Settings) -> None:
    problems = []
    if DEMO_KEY_RING in settings.key_ring.get_secret_value().split(","):
        problems.append("OMNIAXS_KEY_RING has the demonstration key; production needs secrets of its own")
    if DEMO_SIGNING_KEYS in settings.signing_keys.get_secret_value().split(","):
        problems.append("OMNIAXS_SIGNING_KEYS has the demonstration key; production needs secrets of its own")
    if settings.mail_url.get_secret_value().startswith("inbox:"):
        problems.append(
            "OMNIAXS_MAIL_URL is inbox://, which shows mails to whoever looks; production needs a mail server"
        )
    if settings.local_jobs:
        problems.append("OMNIAXS_JOBS_URL is memory://, which no worker reads; production needs redis:// or amqp://")
    problems += [
        f"OMNIAXS_ALERT_WEBHOOKS: {hook.name} is http://, which shows alerts to whoever listens; production needs https://"
        for hook in settings.alert_webhooks
        if hook.url.startswith("http:")
    ]
    if settings.local_log:
        problems.append("OMNIAXS_LOG_URL is memory://; production needs kafka://host:port")
    if settings.local_store:
        problems.append("OMNIAXS_STORE_URL is mongomock://; production needs mongodb://...")
    if problems:
        raise SettingsError("\n".join(problems))
