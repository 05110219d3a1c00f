"""Every setting of every process, in one class: `OMNIAXS_` variables and `.env`, checked before anything starts."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEMO_SECRET = "not-a-secret-local-profile-only"  # noqa: S105  (refused in production)


class Settings(BaseSettings):
    """All settings. A URL chooses the adapter: `memory://` or `kafka://host:port[,...]`, `mongomock://` or `mongodb://...`,
    `memory://` or `redis://...`.
    """

    model_config = SettingsConfigDict(env_prefix="OMNIAXS_", env_file=".env", extra="ignore", frozen=True)

    mode: Literal["non-production", "production"] = "non-production"
    log_url: str = "memory://"
    store_url: str = "mongomock://"
    store_database: str = "omniaxs"
    jobs_url: str = "memory://"
    limits_url: str = "memory://"

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    ops_host: str = "127.0.0.1"
    ops_port: int = Field(default=8081, ge=0, le=65_535)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    topic_partitions: dict[str, int] = Field(default_factory=dict, description='e.g. {"quotes": 16}')
    key_ring: SecretStr = Field(
        default=SecretStr(f"demo:{DEMO_SECRET}"),
        description="encryption keys as id:secret, comma-separated; the first one seals, all open",
    )

    market_flush_milliseconds: int = Field(default=100, ge=1, le=10_000)
    late_trade_seconds: int = Field(default=86_400, ge=0)
    market_weight_per_minute: int = Field(default=1_200, ge=1)
    account_reads_per_minute: int = Field(default=600, ge=1)
    connections_per_key: int = Field(default=20, ge=1)
    websocket_message_bytes: int = Field(default=64 * 1024, ge=1024)
    websocket_topics: int = Field(default=1_024, ge=1)
    websocket_messages_per_second: int = Field(default=20, ge=1)
    websocket_buffer_bytes: int = Field(default=8 * 1024 * 1024, ge=64 * 1024)
    websocket_lossless_bytes: int = Field(default=1024 * 1024, ge=64 * 1024)
    cors_origins: tuple[str, ...] = ()
    trusted_proxy_hops: int = Field(default=0, ge=0)
