"""Where the real services and the recorded data come from: the environment. Absent: skipped on a laptop, failed in CI."""

import gc
import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# On a laptop each run draws other examples; in CI they are the same each time, so that a red run can be run again.
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("laptop", deadline=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "laptop")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected lives to the end: a collector that looks at it again and again is a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


def _from_environment(name: str, what: str) -> str:
    value = os.environ.get(name)
    if value:
        return value
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not set: CI must run with {what}")
    pytest.skip(f"{name} is not set: {what} is not here")


@pytest.fixture(scope="session")
def kafka_address() -> str:
    """`host:port` of a real Kafka."""
    return _from_environment("HUB_TEST_KAFKA", "a real Kafka")


@pytest.fixture(scope="session")
def mongo_url() -> str:
    """URL of a real server that speaks MongoDB's wire protocol."""
    return _from_environment("HUB_TEST_MONGO", "a real MongoDB-wire server")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """URL of a real Redis."""
    return _from_environment("HUB_TEST_REDIS", "a real Redis")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """URL of a real RabbitMQ."""
    return _from_environment("HUB_TEST_RABBITMQ", "a real RabbitMQ")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded market data and expected bars. `HUB_SHARED`, else `../shared` beside the checkout."""
    beside = Path(__file__).resolve().parents[2] / "shared"
    if "HUB_SHARED" not in os.environ and (beside / "data").is_dir():
        return beside / "data"
    return Path(_from_environment("HUB_SHARED", "the recorded market data")) / "data"
