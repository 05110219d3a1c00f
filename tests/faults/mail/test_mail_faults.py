"""Mails under faults, on a real Redis, a real store and a real SMTP server: every live code arrives, and arrives once.

A mail may come twice only where its worker was killed between the server's taking it and `sent` (docs/decisions/0108).
One round by default; `FAULTS=all` more and longer ones. `MAIL_SEED` chooses who is killed when.
"""

import asyncio
import json
import os
import random
import secrets
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.bench.ports import free_port
from ops.runtime.clock import SystemClock
from ops.runtime.metrics import Metrics
from storage.jobs import SEND_MAIL, DramatiqJobs, open_jobs
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.mongo.connect import Store, connect
from storage.mongo.migrations import migrate
from storage.mongo.notices import Notices
from storage.mongo.outbox import Outbox
from storage.sealing import KeyRing
from tests.faults.report import Round, reported
from tests.integration.mail.mail_house import MailHouse
from workers.mail.rendering import message_id_of

pytestmark = [pytest.mark.faults, pytest.mark.mongo, pytest.mark.redis, pytest.mark.timeout(420)]
ROOT = Path(__file__).resolve().parents[3]
ALL = os.environ.get("FAULTS") == "all"
ROUNDS = 4 if ALL else 1
KILLS = 15 if ALL else 3
BURST = 25 if ALL else 12
DOWN_SECONDS = 120.0 if ALL else 2.0
BROKER_DOWN_SECONDS = 6.0 if ALL else 2.0
SEED = int(os.environ.get("MAIL_SEED", "5"))
RING = "faults:a-key-of-tests-alone"
SECOND = 1_000_000_000
START_SECONDS = 90.0
TAKING_SECONDS = 0.05
READING_SECONDS = 1.0
"""What a worker had written when it was killed is still read by the server, a little later."""
RECORDING_SECONDS = 1.0
"""Between the server's answer and `sent` in the store, with much to spare on a busy machine."""


class SlowHouse(MailHouse):
    """Takes its time with every mail, so that kills fall into it; knows when it was given each."""

    def __init__(self) -> None:
        super().__init__()
        self.given_at: dict[str, list[float]] = defaultdict(list)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        answer = await super().handle_DATA(server, session, envelope)
        self.given_at[self.received[-1]["Message-ID"]].append(time.monotonic())
        await asyncio.sleep(TAKING_SECONDS)
        return answer


@dataclass
class Place:
    """Everything that workers share, and the workers."""

    store: Store
    jobs: DramatiqJobs
    house: SlowHouse
    environment: dict[str, str]
    kills: list[float] = field(default_factory=list)
    workers: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start_worker(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).parent / "mail_worker.py"),
            stdout=asyncio.subprocess.PIPE,
            env=self.environment,
        )
        self.workers.append(process)
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), START_SECONDS) == b"ready\n"

    async def kill_worker(self, number: int) -> None:
        victim = self.workers.pop(number)
        self.kills.append(time.monotonic())
        victim.kill()
        await victim.wait()

    async def end_workers(self) -> list[int | None]:
        for process in self.workers:
            process.terminate()
        codes = [await asyncio.wait_for(process.wait(), 20) for process in self.workers]
        self.workers.clear()
        return codes

    async def put(self, number: int, life_seconds: int = 300) -> str:
        outbox_id = outbox_id_of("notices", f"ntc_{number}", 1)
        sealed = KeyRing.parse(RING).seal(json.dumps({"code": f"{number:06d}"}).encode(), outbox_id.encode())
        now = SystemClock().now()
        mail = Mail(
            outbox_id=outbox_id,
            to=f"ann{number}@example.com",
            template="login_code",
            language="en-US",
            values={"name": "Ann", "minutes": "5"},
            sealed=sealed,
            created_at=now,
            expires_at=now + life_seconds * SECOND,
        )
        assert await Notices(self.store.database).insert(Notice(notice_id=f"ntc_{number}", mail=mail))
        return outbox_id

    async def until_sent(self, ids: list[str], seconds: float) -> None:
        outbox = Outbox(self.store.database)
        open_ids = set(ids)
        async with asyncio.timeout(seconds):
            while open_ids:
                for outbox_id in list(open_ids):
                    mail = await outbox.get(outbox_id)
                    assert mail is not None
                    assert mail.state not in {"expired", "refused"}, mail
                    if mail.state == "sent":
                        open_ids.discard(outbox_id)
                await asyncio.sleep(0.2)

    def check_arrivals(self, ids: list[str]) -> int:
        """Every one arrived; how many twice, each of which a kill explains."""
        twice = 0
        for outbox_id in ids:
            times = self.house.given_at[message_id_of(outbox_id, "omniaxs.example")]
            assert times, f"{outbox_id} never arrived (MAIL_SEED={SEED})"
            for given in times[:-1]:
                window = (given - READING_SECONDS, given + TAKING_SECONDS + RECORDING_SECONDS)
                killed = any(window[0] <= kill <= window[1] for kill in self.kills)
                assert killed, f"{outbox_id} came at {times} with no kill at the first: {self.kills} (MAIL_SEED={SEED})"
            twice += len(times) > 1
        return twice


@asynccontextmanager
async def opened_place(mongo_url: str, redis_url: str) -> AsyncIterator[Place]:
    prefix = f"test-{secrets.token_hex(4)}-"
    store = connect(mongo_url, f"test_{secrets.token_hex(6)}")
    await migrate(store.database, SystemClock())
    jobs = open_jobs(redis_url, Metrics(), prefix)
    house = SlowHouse()
    await house.open()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
    environment = kept | {
        "PYTHONPATH": str(ROOT),
        "OMNIAXS_STORE_URL": mongo_url,
        "OMNIAXS_STORE_DATABASE": store.database.name,
        "OMNIAXS_JOBS_URL": redis_url,
        "OMNIAXS_TOPIC_PREFIX": prefix,
        "OMNIAXS_MAIL_URL": f"smtp://127.0.0.1:{house.port}",
        "OMNIAXS_KEY_RING": RING,
    }
    place = Place(store, jobs, house, environment)
    try:
        yield place
    finally:
        await place.end_workers()
        await house.close()
        jobs.broker.flush_all()
        jobs.close()
        await store.client.drop_database(store.database.name)
        store.close()


@pytest.mark.parametrize("round_number", range(ROUNDS))
async def test_killed_workers_lose_no_code_and_double_only_what_they_held(
    mongo_url: str, redis_url: str, round_number: int
) -> None:
    chance = random.Random(f"{SEED}/{round_number}")  # noqa: S311
    with reported("mail", SEED, round_number) as found:
        await _killed_while_sending(mongo_url, redis_url, chance, found)


async def _killed_while_sending(mongo_url: str, redis_url: str, chance: random.Random, found: Round) -> None:
    async with opened_place(mongo_url, redis_url) as place:
        await asyncio.gather(place.start_worker(), place.start_worker())
        ids: list[str] = []
        for number in range(KILLS):
            for _ in range(BURST):
                outbox_id = await place.put(len(ids))
                ids.append(outbox_id)
                if chance.random() < 0.9:  # the others' jobs were lost with the gateway that asked for them
                    await place.jobs.enqueue(SEND_MAIL, outbox_id)
            await asyncio.sleep(chance.uniform(0.02, 0.4))
            if number == KILLS // 2:
                found.add("flush jobs")
                place.jobs.broker.flush_all()
            found.add("SIGKILL mail worker")
            await place.kill_worker(chance.randrange(len(place.workers)))
            await place.start_worker()
        await place.until_sent(ids, 120)
        twice = place.check_arrivals(ids)
        print(f"{len(ids)} mails, {len(place.kills)} kills, {twice} arrived twice")  # noqa: T201
        assert await place.end_workers() == [0, 0]


async def test_a_mail_server_that_is_away_delays_every_code_and_doubles_none(mongo_url: str, redis_url: str) -> None:
    with reported("mail server away", SEED) as found:
        await _sent_when_it_is_back(mongo_url, redis_url, found)


async def _sent_when_it_is_back(mongo_url: str, redis_url: str, found: Round) -> None:
    async with opened_place(mongo_url, redis_url) as place:
        await place.start_worker()
        found.add("SMTP down", seconds=DOWN_SECONDS)
        await place.house.close()
        ids = [await place.put(number) for number in range(40 if ALL else 12)]
        for outbox_id in ids:
            await place.jobs.enqueue(SEND_MAIL, outbox_id)
        await asyncio.sleep(DOWN_SECONDS)
        assert place.house.received == []
        await place.house.open()
        back = time.monotonic()
        await place.until_sent(ids, 60)
        print(f"all {len(ids)} sent {time.monotonic() - back:.1f} s after the server was back")  # noqa: T201
        assert place.check_arrivals(ids) == 0


@pytest.mark.long  # killed workers lose jobs too, which the sweep finds
async def test_jobs_that_were_lost_are_found_by_the_sweep(mongo_url: str, redis_url: str) -> None:
    async with opened_place(mongo_url, redis_url) as place:
        ids = [await place.put(number) for number in range(20)]
        began = time.monotonic()
        await place.start_worker()
        await place.until_sent(ids, 40)
        print(f"found after {time.monotonic() - began:.1f} s")  # noqa: T201
        assert place.check_arrivals(ids) == 0


async def test_a_broker_that_is_killed_and_comes_back_empty_delays_codes_and_doubles_none(
    mongo_url: str, tmp_path: Path
) -> None:
    with reported("jobs' broker emptied", SEED) as found:
        await _sent_although_forgotten(mongo_url, tmp_path, free_port(), found)


async def _sent_although_forgotten(mongo_url: str, tmp_path: Path, port: int, found: Round) -> None:
    broker = await own_redis(port, tmp_path)
    async with opened_place(mongo_url, f"redis://127.0.0.1:{port}/0") as place:
        await place.start_worker()
        ids = [await place.put(number) for number in range(10)]
        for outbox_id in ids:
            await place.jobs.enqueue(SEND_MAIL, outbox_id)
        found.add("SIGKILL jobs' broker, back empty", seconds=BROKER_DOWN_SECONDS)
        broker.kill()
        await broker.wait()
        for number in range(10, 20):
            ids.append(await place.put(number))
            await place.jobs.enqueue(SEND_MAIL, ids[-1])
        await asyncio.sleep(BROKER_DOWN_SECONDS)
        broker = await own_redis(port, tmp_path)
        back = time.monotonic()
        await place.until_sent(ids, 60)
        print(f"all {len(ids)} sent {time.monotonic() - back:.1f} s after the broker was back")  # noqa: T201
        assert place.check_arrivals(ids) == 0
    broker.terminate()
    await broker.wait()


async def own_redis(port: int, folder: Path) -> asyncio.subprocess.Process:
    """A Redis that keeps nothing, which the test may kill."""
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--loglevel", "warning"]
    process = await asyncio.create_subprocess_exec("redis-server", *settings)
    jobs = open_jobs(f"redis://127.0.0.1:{port}/0", Metrics())
    async with asyncio.timeout(10):
        while await jobs.problem() is not None:  # noqa: ASYNC110  (a server announces nothing)
            await asyncio.sleep(0.05)
    jobs.close()
    return process


async def test_a_worker_that_is_told_to_end_finishes_what_it_sends(mongo_url: str, redis_url: str) -> None:
    async with opened_place(mongo_url, redis_url) as place:
        await place.start_worker()
        ids = [await place.put(number) for number in range(100 if ALL else 40)]
        await asyncio.gather(*(place.jobs.enqueue(SEND_MAIL, outbox_id) for outbox_id in ids))
        await asyncio.wait_for(place.house.given.wait(), 20)
        assert await place.end_workers() == [0]
        await place.start_worker()
        await place.until_sent(ids, 60)
        assert place.check_arrivals(ids) == 0
