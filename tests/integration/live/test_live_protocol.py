"""Operations and their answers, refusals, topics and close codes, with a real client over a real socket."""

import asyncio
import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.live.limits import LiveLimits
from ops.runtime.clock import ManualClock
from storage.log.port import LogUnavailable


async def closing_of(client: Any, seconds: float = 15) -> tuple[int, list[dict[str, Any]]]:
    """The close code, and the messages before it."""
    found = []
    async with asyncio.timeout(seconds):
        while True:
            try:
                found.append(json.loads(await client.socket.recv()))
            except ConnectionClosed:
                return client.socket.close_code, found


async def test_auth_tells_who_we_are_and_what_we_may(world):
    async with world.gateway() as gateway, gateway.client(None) as client:
        answer = await client.auth()
        assert answer["op"] == "auth"
        assert answer["ok"] is True
        payload = answer["payload"]
        assert payload["tenant_id"] == "ten_1"
        assert payload["account_id"] == "acc_1"
        assert "stream" in payload["scopes"]
        assert payload["server_time"] > 1_600_000_000_000
        assert payload["limits"] == {
            "message_bytes": 65_536, "topics": 1_024, "messages_per_second": 20, "buffered_bytes": 8_388_608,
            "connections_per_key": 20,
        }  # fmt: skip


async def test_ping_is_answered_with_pong_and_the_server_time(world):
    async with world.gateway() as gateway, gateway.client() as client:
        answer = await client.ask("ping")
        assert answer["op"] == "pong"
        assert answer["ok"] is True
        assert isinstance(answer["payload"]["server_time"], int)


@pytest.mark.parametrize(
    ("payload", "code", "close"),
    [
        ({"api_key": "pmk_all", "timestamp": "1", "signature": "no"}, "auth.signature_invalid", 4401),
        ({"api_key": "pmk_no", "timestamp": "1", "signature": "no"}, "auth.signature_invalid", 4401),
        ({"api_key": "pmk_all", "timestamp": "soon", "signature": "no"}, "auth.timestamp_invalid", 4401),
    ],
)
async def test_a_refused_auth_closes(world, payload, code, close):
    async with world.gateway() as gateway, gateway.client(None) as client:
        answer = await client.ask("auth", payload)
        assert answer["ok"] is False
        assert answer["error"]["code"] == code
        assert answer["error"]["retryable"] is False
        assert answer["error"]["message"]
        assert (await closing_of(client))[0] == close


async def test_a_key_without_the_scope_stream_is_not_allowed(world):
    world.keys.add("pmk_market", ["market:read"])
    async with world.gateway() as gateway, gateway.client(None) as client:
        answer = await client.auth("pmk_market")
        assert answer["error"]["code"] == "auth.scope_missing"
        assert answer["error"]["details"] == {"scope": "stream"}
        assert (await closing_of(client))[0] == 4403


async def test_nothing_is_taken_before_auth(world):
    async with world.gateway() as gateway, gateway.client(None) as client:
        answer = await client.ask("subscribe", {"topics": ["quotes.*"]})
        assert answer["error"]["code"] == "stream.not_authenticated"
        assert (await closing_of(client))[0] == 4401


async def test_auth_with_a_field_too_many_names_it_and_may_be_tried_again(world):
    async with world.gateway() as gateway, gateway.client(None) as client:
        answer = await client.ask("auth", {"api_key": "a", "timestamp": 1, "signature": "b"})
        assert answer["error"]["code"] == "request.invalid"
        assert answer["error"]["details"]["fields"][0]["name"] == "payload.timestamp"
        assert (await client.auth())["ok"]


async def test_a_second_auth_is_refused_and_the_connection_goes_on(world):
    async with world.gateway() as gateway, gateway.client() as client:
        assert (await client.auth())["ok"] is False
        assert (await client.ask("ping"))["ok"]


@pytest.mark.parametrize(
    ("message", "part"),
    [
        ("{", "reason"),
        ("[1]", "not an object"),
        ('{"op":"ping"}', '"id"'),
        ('{"id":"1"}', '"op"'),
        ('{"op":"ping","id":1}', "a string"),
        ('{"op":"ping","id":"1","payload":[]}', "an object"),
        ('{"op":"ping","id":"1","extra":1}', "extra"),
        ('{"op":"ping","op":"ping","id":"1"}', "reason"),
        (b"{}", "text frames"),
        (b"", "text frames"),
    ],
)
async def test_a_message_that_cannot_be_answered_closes_with_4400(world, message, part):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.socket.send(message)
        code, before = await closing_of(client)
        assert code == 4400
        assert before[-1]["type"] == "error"
        assert before[-1]["code"] == "stream.bad_message"
        assert part in json.dumps(before[-1]["details"])


@pytest.mark.parametrize(
    ("op", "payload", "field"),
    [
        ("subscribe", {}, "payload.topics"),
        ("subscribe", {"topics": []}, "payload.topics"),
        ("subscribe", {"topics": ["quotes.*"], "snapshots": True}, "payload.snapshots"),
        ("subscribe", {"topics": ["quotes.*"], "conflate_ms": -1}, "payload.conflate_ms"),
        ("subscribe", {"topics": ["quotes.*"], "resume": {"trades.*": {"log_id": "x", "positions": {}}}}, "payload.resume.trades.*"),
        ("subscribe", {"topics": ["quotes.*"], "resume": {"quotes.*": {"log_id": "x", "positions": {"quotes-1": -2}}}},
         "payload.resume.quotes.*.positions.quotes-1"),
        ("unsubscribe", {"topics": "quotes.*"}, "payload.topics"),
        ("ping", {"x": 1}, "payload.x"),
        ("cancel_on_disconnect", {"enabled": 1}, "payload.enabled"),
        ("cancel_on_disconnect", {"enabled": True}, "payload.grace_ms"),
        ("cancel_on_disconnect", {"enabled": True, "grace_ms": 4_999}, "payload.grace_ms"),
        ("cancel_on_disconnect", {"enabled": True, "grace_ms": 3_600_001}, "payload.grace_ms"),
        ("dance", {}, "op"),
    ],
)  # fmt: skip
async def test_a_payload_that_does_not_fit_names_the_field(world, op, payload, field):
    async with world.gateway() as gateway, gateway.client() as client:
        answer = await client.ask(op, payload)
        assert answer["op"] == op
        assert answer["ok"] is False
        assert answer["error"]["code"] == "request.invalid"
        (named,) = answer["error"]["details"]["fields"]
        assert named["name"] == field
        assert named["reason"]
        assert named["expected"]
        assert (await client.ask("ping"))["ok"]


async def test_topics_are_refused_one_by_one(world):
    world.keys.add("pmk_market", ["market:read", "stream"])
    async with world.gateway() as gateway, gateway.client("pmk_market") as client:
        topics = await client.subscribe(
            "quotes.SYM1.TEST",
            "quotes.NO.TEST",
            "quote.*",
            "bars.2m.*",
            "bars.1m.*",
            "orders.*",
            "risk.*",
            "risk.SYM1.TEST",
        )
        assert {name: entry.get("code") for name, entry in topics.items()} == {
            "quotes.SYM1.TEST": None, "quotes.NO.TEST": "market.unknown_symbol", "quote.*": "stream.unknown_topic",
            "bars.2m.*": "stream.unknown_topic", "bars.1m.*": None, "orders.*": "auth.scope_missing",
            "risk.*": "auth.scope_missing", "risk.SYM1.TEST": "stream.unknown_topic",
        }  # fmt: skip
        assert topics["quotes.NO.TEST"]["details"] == {"symbols": ["NO.TEST"]}
        granted = topics["bars.1m.*"]
        assert granted["ok"] is True
        assert granted["log_id"] == world.log_ids["bars"]
        assert granted["recovered"] is False
        assert granted["positions"] == {f"bars-{number}": -1 for number in range(4)}


async def test_orders_and_risk_are_those_of_the_own_account(world):
    world.keys.add("pmk_none", ["stream", "trade:read", "account:read"], account=None)
    async with world.gateway() as gateway, gateway.client() as with_account, gateway.client("pmk_none") as without:
        one = await with_account.subscribe("orders.*", "orders.SYM1.TEST", "risk.*")
        partition = world.topics.partition("order-events", b"acc_1")
        assert one["orders.*"]["positions"] == {f"order-events-{partition}": -1}
        assert one["orders.SYM1.TEST"]["ok"]
        platform = world.topics.partition("risk-signals", b"platform")
        own = world.topics.partition("risk-signals", b"acc_1")
        assert one["risk.*"]["positions"] == {f"risk-signals-{number}": -1 for number in {platform, own}}
        none = await without.subscribe("orders.*", "risk.*")
        assert none["orders.*"] == {
            "ok": True,
            "log_id": world.log_ids["order-events"],
            "positions": {},
            "recovered": False,
        }
        await world.signal("acc_1", "own", "raised")
        await world.signal("acc_2", "other", "raised")
        await world.signal("platform", "all", "raised")
        seen = {(message["topic"], message["data"]["signal_id"]) for message in await with_account.take(2)}
        assert seen == {("risk.*", "own"), ("risk.*", "all")}
        assert (await without.receive())["data"]["signal_id"] == "all"
        await asyncio.gather(with_account.silent(0.2), without.silent(0.2))


async def test_messages_speak_the_language_of_the_handshake_then_of_the_profile(world):
    world.keys.add("pmk_ja", ["stream"], language="ja-JP")
    async with world.gateway() as gateway:
        async with gateway.client(None, additional_headers={"Accept-Language": "zh-CN"}) as client:
            chinese = (await client.ask("subscribe", {"topics": ["quotes.*"]}))["error"]["message"]
        async with gateway.client(None) as client:
            english = (await client.ask("subscribe", {"topics": ["quotes.*"]}))["error"]["message"]
        async with gateway.client("pmk_ja") as client:
            japanese = (await client.subscribe("quote.*"))["quote.*"]["message"]
        async with gateway.client() as client:
            plain = (await client.subscribe("quote.*"))["quote.*"]["message"]
    assert english == "The connection is not authenticated."
    assert chinese != english
    assert plain == "Unknown topic."
    assert japanese != plain


async def test_unsubscribe_ends_a_topic(world):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("trades.*", "quotes.*")
        answer = await client.ask("unsubscribe", {"topics": ["trades.*", "nothing", "quotes.SYM1.TEST"]})
        topics = answer["payload"]["topics"]
        assert topics["trades.*"] == {"ok": True}
        assert topics["quotes.SYM1.TEST"] == {"ok": True}
        assert topics["nothing"]["code"] == "stream.unknown_topic"
        await world.trades(("SYM1.TEST", 1))
        await world.quotes(("SYM1.TEST", 1))
        assert (await client.receive())["topic"] == "quotes.SYM1.TEST"
        await client.silent(0.1)
        assert gateway.hub.subscriptions == {"trades": 0, "quotes": 1}


async def test_too_many_topics_are_refused(world):
    async with world.gateway(LiveLimits(topics=2)) as gateway, gateway.client() as client:
        await client.subscribe("quotes.*", "trades.*")
        answer = await client.ask("subscribe", {"topics": ["bars.1m.*"]})
        assert answer["error"]["code"] == "stream.limit"
        assert answer["error"]["details"] == {"limit": "topics", "most": 2}
        await client.subscribe("quotes.*")


async def test_too_many_messages_close_with_4429(world):
    async with world.gateway(clock=ManualClock()) as gateway, gateway.client() as client:
        for number in range(40):
            await client.socket.send(json.dumps({"op": "ping", "id": str(number)}))
        code, before = await closing_of(client)
        assert code == 4429
        assert before[-1]["code"] == "stream.limit"
        assert before[-1]["details"] == {"limit": "messages_per_second", "most": 20}
        assert len([message for message in before if message.get("op") == "pong"]) <= 20


async def test_a_message_of_64_kib_is_taken_and_a_larger_one_closes_with_4429(world):
    async with world.gateway() as gateway:
        async with gateway.client() as client:
            message = json.dumps({"op": "ping", "id": ""})
            fitting = message.replace('""', '"' + "i" * (65_536 - len(message)) + '"')
            await client.socket.send(fitting)
            assert (await client.receive())["op"] == "pong"
            await client.socket.send(fitting.replace("i", "ii", 1))
            code, before = await closing_of(client)
            assert code == 4429
            assert before[-1]["details"]["limit"] == "message_bytes"
        async with gateway.client() as client:
            await client.socket.send(["\u20ac" * 10_000] * 4)
            assert (await closing_of(client))[0] == 4429


async def test_a_key_has_at_most_so_many_connections(world, eventually):
    async with world.gateway(LiveLimits(connections_per_key=2)) as gateway, gateway.client():
        async with gateway.client(), gateway.client(None) as third:
            answer = await third.auth()
            assert answer["error"]["code"] == "stream.limit"
            assert (await closing_of(third))[0] == 4429
        await eventually(lambda: len(gateway.sockets) == 1)
        async with gateway.client():
            pass


@pytest.mark.parametrize("why", ["auth.key_revoked", "auth.key_expired", "auth.suspended", "auth.tenant_suspended"])
async def test_a_key_that_is_not_valid_any_more_is_closed_within_two_seconds_and_told_why(world, why):
    world.keys.add("pmk_other", ["stream"])
    async with world.gateway() as gateway, gateway.client() as client, gateway.client("pmk_other") as other:
        world.keys.refused["pmk_all"] = why
        code, before = await closing_of(client, seconds=2)
        assert code == 4403
        assert before[-1]["code"] == why
        assert (await other.ask("ping"))["ok"]


async def test_nobody_may_stay_unauthenticated_for_more_than_ten_seconds(world):
    async with world.gateway() as gateway, gateway.client(None) as client:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        code, before = await closing_of(client)
        assert code == 4401
        assert before[-1]["code"] == "stream.not_authenticated"
        assert 9.5 < loop.time() - begun < 11.5


async def test_a_drain_says_going_away_with_a_resume_hint_then_closes_with_1012(world):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("trades.SYM1.TEST")
        await world.trades(("SYM1.TEST", 1))
        shard = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
        draining = asyncio.create_task(gateway.sockets.drain(0.2))
        code, before = await closing_of(client)
        assert code == 1012
        assert before[-1]["type"] == "going_away"
        assert before[-1]["resume"] == {
            "trades.SYM1.TEST": {"log_id": world.log_ids["trades"], "positions": {shard: 0}}
        }
        await draining
        with pytest.raises(InvalidStatus):
            async with gateway.client():
                pass


async def test_a_ping_of_the_client_is_answered(world):
    async with world.gateway() as gateway, gateway.client() as client:
        async with asyncio.timeout(2):
            await (await client.socket.ping(b"hello"))


async def test_compression_is_declined_and_frames_are_plain(world):
    async with world.gateway() as gateway, gateway.client(compression="deflate") as client:
        assert client.socket.protocol.extensions == []
        await client.subscribe("quotes.*")
        await world.quotes(("SYM1.TEST", 7))
        assert (await client.receive())["data"]["last"] == "7"


async def test_a_log_that_cannot_be_asked_refuses_the_topic_for_the_moment(world):
    """The connection and its other topics go on, and the same topic can be had later."""

    class Away:
        def __init__(self, log):
            self._log, self.away = log, False

        async def bounds(self, topic):
            if self.away:
                raise LogUnavailable("nobody answers at 127.0.0.1:1")
            return await self._log.bounds(topic)

        def __getattr__(self, name):
            return getattr(self._log, name)

    world.log = away = Away(world.log)
    async with world.gateway() as gateway, gateway.client() as client:
        away.away = True
        topics = await client.subscribe("trades.*", "quotes.*")
        assert topics["quotes.*"]["ok"] is True
        assert topics["trades.*"]["ok"] is False
        assert topics["trades.*"]["code"] == "stream.snapshot_behind"
        assert topics["trades.*"]["retryable"] is True
        away.away = False
        assert (await client.subscribe("trades.*"))["trades.*"]["ok"] is True


class Hanging:
    """A log that does not say where its topics end while `answers` is not set."""

    def __init__(self, log):
        self._log = log
        self.answers = asyncio.Event()
        self.answers.set()

    async def bounds(self, topic):
        await self.answers.wait()
        return await self._log.bounds(topic)

    def __getattr__(self, name):
        return getattr(self._log, name)


async def test_the_topics_of_a_subscribe_wait_together_for_a_log_that_hangs(world):
    """Each may wait for five seconds, and `ask` gives up after ten."""
    world.log = log = Hanging(world.log)
    async with world.gateway() as gateway, gateway.client() as client:
        log.answers.clear()
        wanted = ["trades.*", "bars.1m.*", "trades.SYM1.TEST", "bars.1m.SYM1.TEST"]
        topics = await client.subscribe(*wanted)
        assert {name: topics[name]["code"] for name in wanted} == dict.fromkeys(wanted, "stream.snapshot_behind")
        log.answers.set()
        assert (await client.subscribe("trades.*"))["trades.*"]["ok"] is True


async def test_control_frames_are_read_while_thirty_messages_wait_for_an_answer(world, raw):
    world.log = log = Hanging(world.log)
    async with world.gateway(LiveLimits(messages_per_second=100)) as gateway, raw(gateway.port) as client:
        await client.start()
        log.answers.clear()
        client.ask("subscribe", {"topics": ["trades.*"]})
        for _ in range(29):
            client.ask("ping", {})
        client.send(9, b"are you there")
        async with asyncio.timeout(3):
            assert await client.frame() == (10, b"are you there")
        log.answers.set()
        answers = [json.loads((await client.frame())[1]) for _ in range(30)]
        assert [answer["op"] for answer in answers] == ["subscribe", *["pong"] * 29]
        assert all(answer["ok"] for answer in answers)
