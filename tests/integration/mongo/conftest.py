"""The store under test: every behavioural suite here runs over both adapters, each test on a database of its own."""

import secrets
from collections.abc import AsyncIterator

import pytest

from storage.mongo.connect import Store, connect
from storage.mongo.documents import Database

ADAPTERS = ["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)]


@pytest.fixture(params=ADAPTERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A connected store with an empty database, dropped at the end."""
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    store = connect(url, f"test_{secrets.token_hex(6)}")
    try:
        yield store
        await store.client.drop_database(store.database.name)
    finally:
        store.close()


@pytest.fixture
def database(store: Store) -> Database:
    """Its database."""
    return store.database


@pytest.fixture
async def real_store(mongo_url: str) -> AsyncIterator[Store]:
    """The real server alone, for what only it can show (races between connections)."""
    store = connect(mongo_url, f"test_{secrets.token_hex(6)}")
    try:
        yield store
        await store.client.drop_database(store.database.name)
    finally:
        store.close()
