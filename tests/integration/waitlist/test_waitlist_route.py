"""The waitlist through the edge: whose address counts behind proxies, what an address may send, what the answer is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from quart import Quart

from gateway.callers import Principal
from gateway.http.limits import Limiter
from gateway.http.routes import FixedFirst, Routes
from gateway.waitlist.routes import register_waitlist
from gateway.waitlist.submit import GeoFence, Submit
from ops.runtime.clock import ManualClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from storage.address_countries import open_address_countries
from storage.countries import load_countries
from storage.models.people import Audience
from storage.mongo.connect import connect
from storage.mongo.leads import Leads
from tests.integration.self_service.self_desk import Answered, edge_over

BODY = {"work_email": "ada@example.com", "country_region": "US", "consent": True}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    writer = MMDBWriter(6, "test", ipv4_compatible=True)
    writer.insert_network(IPSet(["5.160.0.0/16"]), {"country_code": "IR"})
    path = tmp_path / "countries.mmdb"
    writer.to_db_file(str(path))
    return path


class NoTokens:
    """No access token opens anything here."""

    async def authenticate(self, token: str, audience: Audience) -> Principal:
        raise AssertionError("the waitlist asked for a token")


class Waitlist:
    """The route alone, behind `hops` trusted proxies."""

    def __init__(self, database: Path, hops: int) -> None:
        kept, clock = connect("mongomock://", "waitlist").database, ManualClock()
        self.leads = Leads(kept)
        self.app = Quart("waitlist", static_folder=None)
        limiter = Limiter(clock, market_per_minute=1, public_per_minute=1, account_per_minute=1)
        edge = edge_over(kept, clock, limiter, NoTokens(), hops)
        routes = Routes(self.app)
        submit = Submit(
            leads=self.leads,
            countries=load_countries(),
            fence=GeoFence(("IR",), open_address_countries(database)),
            identifiers=SystemIdentifiers(),
            languages=load_languages(),
        )
        register_waitlist(routes, edge, submit)
        self.app.asgi_app = FixedFirst(self.app.asgi_app, routes.fixed, edge)

    async def post(self, body: Any, headers: Mapping[str, str] | None = None, peer: str = "10.0.0.1") -> Answered:
        response = await self.app.test_client().post(
            "/public/v1/waitlist",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
            scope_base={"raw_path": b"/public/v1/waitlist", "query_string": b"", "client": (peer, 1)},
        )
        return Answered(response.status_code, await response.get_data(), response.headers)


async def test_the_answer_is_in_the_callers_language(database: Path) -> None:
    answered = await Waitlist(database, 0).post(BODY, {"Accept-Language": "ja, en;q=0.5"})
    assert answered.data["message"] == "送信が完了しました"
    assert answered.headers["Content-Language"] == "ja-JP"


async def test_the_address_is_the_one_that_the_trusted_proxy_saw(database: Path) -> None:
    waitlist = Waitlist(database, 1)
    refused = await waitlist.post(BODY, {"X-Forwarded-For": "8.8.8.8, 5.160.1.1"})
    assert (refused.status, refused.code) == (403, "waitlist.geo_blocked")
    claimed = await waitlist.post(BODY, {"X-Forwarded-For": "5.160.1.1, 8.8.8.8"})
    assert claimed.code == "ok"
    assert await waitlist.leads.count() == 1


async def test_without_trusted_proxies_the_peer_counts(database: Path) -> None:
    waitlist = Waitlist(database, 0)
    assert (await waitlist.post(BODY, {"X-Forwarded-For": "8.8.8.8"}, peer="::ffff:5.160.1.1")).status == 403
    assert (await waitlist.post(BODY, {"X-Forwarded-For": "5.160.1.1"}, peer="8.8.8.8")).code == "ok"


async def test_one_address_may_send_so_much_a_minute(database: Path) -> None:
    waitlist = Waitlist(database, 0)
    codes = [(await waitlist.post(BODY | {"country_region": "DE"})).code for _ in range(6)]
    assert codes == ["ok"] * 5 + ["rate.limited"]
    assert (await waitlist.post(BODY | {"work_email": "bob@example.com"})).code == "ok"
