"""Fourth step on the road of a quote and a trade (a), the hub: frames to every subscriber, and the board of REST quotes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final

from gateway.live.backlog import SNAPSHOT_WAITS, gap_frame
from gateway.live.board import Board
from gateway.live.catch_up import CatchUp, Place
from gateway.live.client import Client
from gateway.live.feeds import Feeds, NewestBars, SeedQuotes
from gateway.live.flusher import Flusher
from gateway.live.frames import Frame
from gateway.live.interest import LOG_TOPICS, partitions, route_keys, routes
from gateway.live.judging import OwnerDocuments
from gateway.live.limits import LiveLimits
from gateway.live.order_snapshots import AccountSnapshots, OrderSnapshots, SnapshotBehind
from gateway.live.positions import recoverable
from gateway.live.pump import Pump
from gateway.live.router import Route, Router
from gateway.live.shard import Shard
from gateway.live.signal_seeds import StoredSignals
from gateway.live.snapshots import Snapshots
from gateway.live.statistics import Statistics
from gateway.live.subscriptions import Granted, Subscription, Wanted
from gateway.live.topics import Family, Topic
from gateway.live.wire import Wire
from gateway.quote_board import BoardQuote
from ops.runtime.clock import Clock
from ops.runtime.metrics import Metrics
from storage.log.port import Log, LogUnavailable, PositionLost
from storage.mongo.connect import StoreUnavailable
from storage.topics import Topics

_ANSWER_SECONDS: Final = 5.0
_BEHIND: Final = (TimeoutError, SnapshotBehind, PositionLost, LogUnavailable, StoreUnavailable)
_logger = logging.getLogger(__name__)


class LiveHub:
    """Reads each topic once and gives every client what it subscribed to. Implements `QuoteBoard`.

    `log_ids`: log topic -> the UUID of its log. `quote_group`: the consumer group of the latest-quote processor.
    `order_owners` is what the owners of `order-events` have stored (None: its records are judged from the log's start on),
    `accounts` their read models (None: no account is open), `signals` that of `risk-signals` (None: none was active before).
    `failure` ends with an exception when something that serves all clients cannot go on; the process must then end.
    """

    def __init__(
        self,
        log: Log,
        topics: Topics,
        *,
        log_ids: Mapping[str, str],
        latest_quotes: SeedQuotes,
        quote_group: str,
        clock: Clock,
        limits: LiveLimits | None = None,
        newest_bars: NewestBars | None = None,
        order_owners: OwnerDocuments | None = None,
        accounts: AccountSnapshots | None = None,
        signals: StoredSignals | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self.limits = limits or LiveLimits()
        self.statistics = Statistics(clock, metrics)
        self.subscriptions: dict[Family, int] = {}
        self.failure: asyncio.Future[None] | None = None
        self._log, self._topics, self._log_ids = log, topics, log_ids
        self._router = Router(self.limits.slow_bytes, self._release_later, self.statistics.delivered)
        self._flusher = Flusher(self._router, self.statistics.delays)
        self._order_snapshots = OrderSnapshots(log, accounts)
        self._feeds = Feeds(
            log,
            topics,
            router=self._router,
            flusher=self._flusher,
            lost=self._lost,
            latest_quotes=latest_quotes,
            quote_group=quote_group,
            newest_bars=newest_bars,
            on_failure=self.fail,
            order_owners=order_owners,
            note_order=self._order_snapshots.noted.fold,
            stored_signals=signals,
        )
        self._snapshots = Snapshots(self._feeds, log, topics)
        self._board = Board(self._feeds, topics)
        self._pump = Pump()
        self._clients: set[Client] = set()
        self._catching_up: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Seed the quotes and begin to read. Raises `LogUnavailable` and the store's `StoreUnavailable`."""
        self.failure = asyncio.get_running_loop().create_future()
        await self._feeds.open_quotes()

    async def caught_up(self) -> None:
        """Return when what was on the log at the start has been read."""
        await self._feeds.caught_up()

    @property
    def ready(self) -> bool:
        """Whether it has."""
        return self._feeds.has_caught_up

    async def behind(self) -> int:
        """How many quotes are on the log and not read here. Raises `LogUnavailable`."""
        return await self._feeds.quotes_behind()

    async def stop(self) -> None:
        """Stop reading; clients get nothing any more."""
        for task in self._catching_up:
            task.cancel()
        await asyncio.gather(*self._catching_up, return_exceptions=True)
        await self._feeds.close()

    def fail(self, error: BaseException) -> None:
        """End `failure` with `error`, unless it has ended before."""
        if self.failure is not None and not self.failure.done():
            self.failure.set_exception(error)

    def quote(self, symbol: str) -> BoardQuote | None:
        """See `QuoteBoard`."""
        return self._board.quote(symbol)

    def client(self, wire: Wire, on_too_slow: Callable[[], None]) -> Client:
        """A client that gets nothing yet."""
        client = Client(wire, self.limits, self.statistics.losses, self._pump.add, on_too_slow)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._clients.discard(client)
        self._drop(client, list(client.subscriptions))
        self._move(client)

    async def subscribe(
        self, client: Client, wanted: Sequence[Wanted], answer: Callable[[dict[str, Granted]], None]
    ) -> None:
        """Subscribe `client`; `answer` is called before the first message of these topics, with an entry for each.

        From there on nothing waits: snapshot and updates follow each other without a hole.
        """
        granted: dict[str, Granted] = {}
        found: dict[str, Sequence[Frame]] = {}
        until = asyncio.get_running_loop().time() + _ANSWER_SECONDS
        for one in wanted:
            granted[one.topic.name], found[one.topic.name] = await self._prepare(client, one, until)
        found.update(await self._older_trades(wanted, granted, until))
        ready = [one for one in wanted if granted[one.topic.name].code is None]
        self._drop(client, [one.topic.name for one in ready])
        if client.closed:  # before, or by what was pending
            return
        for one in ready:
            self._add(client, one, granted[one.topic.name])
        readings = self._readings(client, [one.topic for one in ready])
        self._move(client)
        if client.closed:
            return
        for one in ready:
            self._tell_positions(client, granted[one.topic.name], one.topic)
        answer(granted)
        for one in ready:
            if one.snapshot and not granted[one.topic.name].recovered:
                client.hold(self._snapshots.of(one.topic, client.account, found[one.topic.name]))
        for subscriptions in readings:
            self._catch_up(client, subscriptions)

    def unsubscribe(self, client: Client, names: Sequence[str]) -> None:
        """End subscriptions; those that there are not are left out. Nothing of them comes afterwards."""
        self._drop(client, [name for name in names if name in client.subscriptions])

    def positions(self, client: Client) -> dict[str, dict[str, object]]:
        """For each topic of a client `log_id` and the last seq that it was given of each shard.

        Topics of which a snapshot still waits are left out.
        """
        self._flusher.now()
        unsent = self._router.unsent(client.routes)
        if client.backlog is not None:
            for shard, seq in client.backlog.unsent().items():
                unsent[shard] = min(unsent.get(shard, seq), seq)
        found: dict[str, dict[str, object]] = {}
        for name, subscription in client.subscriptions.items():
            given = self._positions_of(client, subscription)
            if all(unsent.get(shard) != SNAPSHOT_WAITS for shard in given):
                positions = {shard: min(seq, unsent.get(shard, seq + 1) - 1) for shard, seq in given.items()}
                found[name] = {"log_id": self._log_id(subscription.topic), "positions": positions}
        return found

    async def _prepare(self, client: Client, one: Wanted, until: float) -> tuple[Granted, Sequence[Frame]]:
        """What has to be asked of log and store: the grant, and what the hub does not hold of the snapshot."""
        topic = one.topic
        granted = Granted(log_id=self._log_id(topic))
        try:
            async with asyncio.timeout_at(until):
                await self._feeds.want(topic, client.account)
                if one.resume is not None and one.resume.log_id == granted.log_id:
                    granted.recovered = await recoverable(
                        self._log, self._feeds, self._topics, topic, one.resume, account=client.account
                    )
                if granted.recovered and one.resume is not None:
                    granted.since = dict(one.resume.positions)
                elif one.snapshot and topic.family == "orders" and client.account is not None:
                    return granted, await self._order_snapshot(topic, client.account, granted)
                return granted, []
        except _BEHIND as error:
            return _refused(topic, error), []

    async def _older_trades(
        self, wanted: Sequence[Wanted], granted: dict[str, Granted], until: float
    ) -> Mapping[str, Sequence[Frame]]:
        """What snapshots of trades need of the log, for all topics together; where it cannot be had they are refused."""
        topics = [one.topic for one in wanted if one.snapshot and _is_new(granted[one.topic.name])]
        try:
            async with asyncio.timeout_at(until):
                return await self._snapshots.older_trades(topics)
        except _BEHIND as error:
            granted.update({topic.name: _refused(topic, error) for topic in topics if topic.family == "trades"})
            return {}

    async def _order_snapshot(self, topic: Topic, account: str, granted: Granted) -> Sequence[Frame]:
        """It stands for a position, from which updates follow."""
        ((feed, shard),) = self._places(topic, account)
        prepared = await self._order_snapshots.prepare(topic, account, feed, shard)
        granted.since = {shard.name: prepared.position}
        return [] if prepared.frame is None else [prepared.frame]

    def _add(self, client: Client, one: Wanted, granted: Granted) -> None:
        subscription = Subscription(one.topic, one.conflate_ms)
        if granted.since is not None:
            places = self._places(one.topic, client.account)
            subscription.start_after({shard.name: granted.since[shard.name] for _, shard in places})
        client.subscriptions[one.topic.name] = subscription
        family = one.topic.family
        self.subscriptions[family] = self.subscriptions.get(family, 0) + 1

    def _tell_positions(self, client: Client, granted: Granted, topic: Topic) -> None:
        granted.positions = dict(self._positions_of(client, client.subscriptions[topic.name]))

    def _readings(self, client: Client, topics: Sequence[Topic]) -> list[list[Subscription]]:
        """Those of these topics that are owed something, a list for each reading.

        Messages of a wildcard and of its symbols have one name, and so have those of all topics of `orders`: what a client
        keeps of the one it keeps of the other. So they are read together, those too that were live: else one of them would
        tell a client of seqs before which another has to come.
        """
        held = client.subscriptions
        shared = {topic.wildcard for topic in topics if topic.wildcard in held or topic.family == "orders"}
        readings = [[held[topic.name]] for topic in topics if topic.wildcard not in shared]
        readings += [[one for one in held.values() if one.topic.wildcard == name] for name in sorted(shared)]
        owed = [together for together in readings if not all(one.live for one in together)]
        for one in chain.from_iterable(owed):
            if one.live:
                one.start_after(self._positions_of(client, one))
        return owed

    def _catch_up(self, client: Client, subscriptions: Sequence[Subscription]) -> None:
        """Bring what subscriptions are owed, at once or beside what others get."""
        if client.closed:
            return
        topics = [one.topic for one in subscriptions]
        widest = next((topic for topic in topics if topic.symbol is None), topics[0])
        catch_up = CatchUp(
            self._log,
            client,
            {one: route_keys(one.topic, client.account) for one in subscriptions},
            places=self._places(widest, client.account),
            go_live=lambda done, owed: self._go_live(client, done, owed),
        )
        if not catch_up.finish():
            task = asyncio.get_running_loop().create_task(catch_up.run(), name=f"resume {widest.name}")
            self._catching_up.add(task)
            task.add_done_callback(self._caught_up)

    def _go_live(self, client: Client, subscriptions: Sequence[Subscription], owed: list[Frame]) -> None:
        for subscription in subscriptions:
            subscription.go_live()
        self._move(client)
        client.hold(owed)

    def _drop(self, client: Client, names: Sequence[str]) -> None:
        for name in names:
            if (subscription := client.subscriptions.pop(name, None)) is not None:
                subscription.read_by = None
                self.subscriptions[subscription.topic.family] -= 1
        if names:
            self._move(client)
            client.forget()

    def _move(self, client: Client) -> None:
        """Let it get what its subscriptions listen to. What is pending goes out before, which may close it."""
        if _routes_of(client) != client.routes:
            self._router.settle(client.routes)
        new, old = _routes_of(client), client.routes
        if new != old:
            client.routes = new
            self._router.move(client, old, new)

    def _positions_of(self, client: Client, subscription: Subscription) -> Mapping[str, int]:
        if not subscription.live:
            return subscription.positions
        return {shard.name: shard.position for _, shard in self._places(subscription.topic, client.account)}

    def _places(self, topic: Topic, account: str | None) -> list[Place]:
        return [
            (self._feeds[log_topic], self._feeds[log_topic].shards[number])
            for log_topic in LOG_TOPICS[topic.family]
            for number in partitions(topic, account, log_topic, self._topics)
        ]

    def _log_id(self, topic: Topic) -> str:
        return self._log_ids[LOG_TOPICS[topic.family][0]]

    def _lost(self, shard: Shard, family: str, first: int, last: int) -> None:
        """Records that a feed could not read any more: every live subscriber of the shard is told."""
        self._flusher.now()
        for client in list(self._clients):
            for subscription in list(client.subscriptions.values()):
                topic = subscription.topic
                if (
                    topic.family == family
                    and subscription.live
                    and shard.name in self._positions_of(client, subscription)
                ):
                    client.send(gap_frame(topic.name, shard.name, first, last))

    def _release_later(self, seconds: float, release: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(seconds, self._release, release)

    def _release(self, release: Callable[[], None]) -> None:
        release()
        self._flusher.now()

    def _caught_up(self, task: asyncio.Task[None]) -> None:
        self._catching_up.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


def _routes_of(client: Client) -> frozenset[Route]:
    """What it is to get: nothing once it is closed."""
    return frozenset() if client.closed else routes(client.subscriptions.values(), client.account)


def _is_new(granted: Granted) -> bool:
    """Whether it gets a snapshot, when it asked for one."""
    return granted.code is None and not granted.recovered


def _refused(topic: Topic, error: Exception) -> Granted:
    _logger.warning("%s cannot be subscribed to at the moment: %s", topic.name, error or "not read yet")
    return Granted(code="stream.snapshot_behind")
