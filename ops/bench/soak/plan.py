"""What a soak is: for how long, on which services, under which load."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ops.bench.bars import services_of
from ops.runtime.settings import Settings, load_settings

SYMBOLS: Final = ("BTCUSDT.BINANCE", "ETHUSDT-PERP.BINANCE", "BTCUSDT-PERP.BINANCE", "BRTI.INDEX")
"""What the feed publishes; accounts in US dollars need the index to value the others."""
SAMPLE_SECONDS: Final = 10.0
SETTLING_SECONDS: Final = 900.0
"""Commands and ended orders are remembered for ten minutes by rule, and pools and checkpoints grow with them: what comes in
the first quarter of an hour is not judged."""

WORK: Final = frozenset(
    {
        "order: ok", "order frames", "cancel: ok", "read: ok", "market frames", "login login: ok", "login verify-otp: ok",
        "login me: ok", "login refresh: ok",
    }
)  # fmt: skip
"""What clients must have counted in the end, of each at least one (`told.Told`)."""
TOLERATED: Final[Mapping[str, float]] = {"order: market.stale_quote": 0.01}
"""What they may count besides, as a part of the orders that were taken: nobody trades against a quote that has grown old. All else,
a hole, a gap, an answer with another code, a connection that ended, is what the soak looks for."""
ALWAYS_TOLERATED: Final = 5
"""So many of each, however short the run."""


class ServicesMissing(Exception):
    """The soak needs a real log, store and job broker; the text says which is not named."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`subscribers` is the number of WebSockets of market data at each gateway; rates are a second, over both gateways."""

    seconds: float
    orders: float = 4.0
    reads: float = 4.0
    logins: float = 0.1
    traders: int = 4
    subscribers: int = 10
    gateways: int = 2
    sample_seconds: float = SAMPLE_SECONDS

    @property
    def settling(self) -> float:
        """Seconds at the start that are not judged: a quarter of an hour, of a short run the first third."""
        return min(SETTLING_SECONDS, self.seconds / 3)


@dataclass(frozen=True, slots=True)
class Addresses:
    """The services, as settings name them."""

    log_url: str
    store_url: str
    jobs_url: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Addresses":
        """From the settings' variables, else those of the tests. Raises `ServicesMissing`."""
        services = services_of(environment)
        jobs = environment.get("OMNIAXS_JOBS_URL") or environment.get("HUB_TEST_REDIS")
        if services is None or jobs is None:
            raise ServicesMissing(
                "the soak needs OMNIAXS_LOG_URL (kafka://), OMNIAXS_STORE_URL (mongodb://) and OMNIAXS_JOBS_URL (redis://), "
                "or HUB_TEST_KAFKA, HUB_TEST_MONGO and HUB_TEST_REDIS"
            )
        return cls(f"kafka://{services.broker}", services.store_url, jobs)

    def variables(self, mail_url: str) -> dict[str, str]:
        """Of all processes of one soak: topics, groups, jobs and database of its own, limits out of the load's way."""
        name = f"soak{secrets.token_hex(4)}"
        return {
            "OMNIAXS_LOG_URL": self.log_url,
            "OMNIAXS_STORE_URL": self.store_url,
            "OMNIAXS_JOBS_URL": self.jobs_url,
            "OMNIAXS_LIMITS_URL": self.jobs_url,
            "OMNIAXS_STORE_DATABASE": name,
            "OMNIAXS_TOPIC_PREFIX": f"{name}.",
            "OMNIAXS_MAIL_URL": mail_url,
            "OMNIAXS_LOG_LEVEL": "warning",
            "OMNIAXS_CONNECTIONS_PER_KEY": "1000",
            "OMNIAXS_AUTH_REQUESTS_PER_MINUTE": "10000",
            "OMNIAXS_AUTH_ATTEMPTS_PER_MINUTE": "10000",
        }


def settings_of(variables: Mapping[str, str]) -> Settings:
    """As a process with these variables has them."""
    return load_settings(variables, env_file=Path("none"))


def addresses() -> Addresses:
    """Of this process's environment. Raises `ServicesMissing`."""
    return Addresses.of(os.environ)
