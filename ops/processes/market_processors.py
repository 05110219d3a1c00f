"""The processors of role `market`, made of a platform's store and log."""

from collections.abc import Callable

from ops.processes.measured import MeasuredProcessor
from ops.processes.platform import Platform
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.mongo.bars import Bars
from storage.mongo.latest_quotes import LatestQuotes
from storage.reference import ReferenceData
from streams.market.bars_processor import BarsProcessor
from streams.market.latest_quotes_processor import LatestQuotesProcessor
from streams.market.staleness.processor import StalenessProcessor
from streams.processor import Processor


def market_processors(platform: Platform, reference: Callable[[], ReferenceData]) -> list[Processor]:
    """Latest quotes, staleness and bars; `reference` is asked each time, so that new instruments are known at once."""
    quotes = LatestQuotes(platform.store.database)
    log, clock, metrics = platform.log, platform.clock, platform.metrics
    processors: list[Processor] = [
        LatestQuotesProcessor(quotes=quotes, log=log, clock=clock, metrics=metrics, reference=reference),
        StalenessProcessor(
            quotes=quotes, log=log, topics=platform.topics, clock=clock, metrics=metrics, reference=reference
        ),
        bars_processor(platform, reference),
    ]
    return [MeasuredProcessor(processor, metrics, clock) for processor in processors]


def bars_processor(platform: Platform, reference: Callable[[], ReferenceData]) -> BarsProcessor:
    """Trades to bars."""
    return BarsProcessor(
        bars=Bars(platform.store.database),
        log=platform.log,
        clock=platform.clock,
        metrics=platform.metrics,
        reference=reference,
        lateness=platform.settings.late_trade_seconds * NANOSECONDS_PER_SECOND,
    )
