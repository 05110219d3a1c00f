"""Commands that publish market data: replay of recorded files, and the synthetic market."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing

from ops.processes.commands.port import EXIT_DATA, EXIT_FAILED, EXIT_TEMPORARY, Arguments, CommandFailed, Event
from ops.processes.feed_metrics import MeasuredPublish
from ops.processes.platform import Platform
from ops.runtime.metrics import FEED_DROPPED, FEED_PUBLISHED
from storage.log.port import AppendUnknown, LogUnavailable
from storage.mongo.leases import Leases
from storage.mongo.reference import load_reference
from storage.reference import ReferenceData
from streams.feeds.lease import FeedHeldElsewhere, FeedLease, FeedLeaseLost, lease_name
from streams.feeds.port import Feed
from streams.feeds.publisher import FeedCounts, FeedPublisher
from streams.feeds.replay.plan import ReplayPlan, feed_of
from streams.feeds.replay.problems import MalformedFile, NothingToReplay, UnknownSymbol, UnreadableFile
from streams.feeds.synthetic.feed import SyntheticFeed

EXIT_NO_INPUT = 66
_REPORT_SECONDS = 0.5


class FeedInterrupted(CommandFailed):
    """The feed itself is well, but its log or its lease was lost."""


async def replay(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Publish recorded files once, or (`loop`) again and again with their times shifted to now. A named run that broke off is
    gone on with.
    """
    plan = ReplayPlan.model_validate(dict(arguments))
    reference = await load_reference(platform.store.database)
    try:
        feed = await asyncio.to_thread(feed_of, plan, reference, platform.clock)
    except (UnknownSymbol, MalformedFile, ValueError) as error:
        raise CommandFailed(str(error), EXIT_DATA) from None
    except UnreadableFile as error:
        raise CommandFailed(str(error), EXIT_NO_INPUT) from None

    async def passes(publisher: FeedPublisher) -> None:
        if plan.run is not None:
            feed.go_on_after(max(0, await publisher.resume() or 0))
        while True:
            await feed.run(MeasuredPublish(publisher, platform, _kind_of(feed)))
            if not plan.loop:
                return
            publisher.begin(platform.identifiers.event_id())

    def left_out() -> Mapping[str, int]:
        return feed.progress.left_out()  # each pass has a progress of its own

    run = plan.named_run() or platform.identifiers.event_id()
    async with aclosing(_published(platform, feed, reference, passes, left_out, run=run)) as events:
        async for event in events:
            yield event


async def synthetic(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Publish the synthetic market of `seed` until stopped."""
    reference = await load_reference(platform.store.database)
    symbols = tuple(arguments.get("symbols") or sorted(reference.instruments))
    unknown = sorted(set(symbols) - set(reference.instruments))
    if unknown:
        raise CommandFailed(
            f"no such symbol: {', '.join(unknown)}; `omniaxs markets load` loads instruments", EXIT_DATA
        )
    feed = SyntheticFeed(reference, platform.clock, int(arguments.get("seed") or 1), symbols=symbols)

    async def work(publisher: FeedPublisher) -> None:
        await feed.run(MeasuredPublish(publisher, platform, _kind_of(feed)))

    run = platform.identifiers.event_id()
    async with aclosing(_published(platform, feed, reference, work, run=run)) as events:
        async for event in events:
            yield event


async def _published(
    platform: Platform,
    feed: Feed,
    reference: ReferenceData,
    work: Callable[[FeedPublisher], Awaitable[None]],
    left_out: Callable[[], Mapping[str, int]] | None = None,
    *,
    run: str,
) -> AsyncGenerator[Event, None]:
    """Do `work` under the feed's leases, telling now and then how far it is, and at the end what was left out."""
    publisher = FeedPublisher(platform.log, platform.identifiers, run)
    names = [lease_name(reference.instruments[symbol].venue, symbol) for symbol in feed.symbols]
    own = platform.identifiers.new("run")  # two feeds of one process are two holders
    holder = f"{feed.name} (process {os.getpid()} on {socket.gethostname()}, {own})"
    lease = FeedLease(Leases(platform.store.database), names, holder, platform.clock)
    task = asyncio.create_task(lease.run(lambda: work(publisher)), name=feed.name)
    counted = FeedCounts()
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_REPORT_SECONDS)
            _count(platform, _kind_of(feed), publisher.counts, counted)
            yield {"feed": feed.name, **_shown(publisher.counts), "done": False}
    finally:
        task.cancel()
        await asyncio.wait([task])
    _raise_readably(task)
    yield {"feed": feed.name, **_shown(publisher.counts), **(left_out() if left_out else {}), "done": True}


def _raise_readably(task: asyncio.Task[None]) -> None:
    try:
        task.result()
    except FeedHeldElsewhere as error:
        raise CommandFailed(str(error), EXIT_TEMPORARY) from None
    except (MalformedFile, NothingToReplay) as error:
        raise CommandFailed(str(error), EXIT_DATA) from None
    except UnreadableFile as error:
        raise CommandFailed(str(error), EXIT_NO_INPUT) from None
    except (FeedLeaseLost, AppendUnknown, LogUnavailable) as error:
        raise FeedInterrupted(str(error), EXIT_FAILED) from error


def _count(platform: Platform, feed: str, counts: FeedCounts, counted: FeedCounts) -> None:
    """Bring the metrics up to what was published since the last look."""
    published = platform.metrics.counter(FEED_PUBLISHED)
    published.labels(feed=feed, kind="quote").inc(counts.quotes - counted.quotes)
    published.labels(feed=feed, kind="trade").inc(counts.trades - counted.trades)
    platform.metrics.counter(FEED_DROPPED).labels(feed=feed).inc(counts.repeats - counted.repeats)
    counted.quotes, counted.trades, counted.repeats = counts.quotes, counts.trades, counts.repeats


def _kind_of(feed: Feed) -> str:
    """For labels: file names would be labels without bound."""
    return feed.name.partition(":")[0]


def _shown(counts: FeedCounts) -> Event:
    return {"quotes": counts.quotes, "trades": counts.trades, "repeats_dropped": counts.repeats}
