"""One pass of a replay after the other, each a run of its own."""

from collections.abc import Callable

from streams.feeds.port import Feed, Publish


async def run_passes(feed: Feed, publish: Publish, begin_run: Callable[[], None], *, loop: bool) -> None:
    """Run `feed` once, or with `loop` until cancelled; `begin_run` makes `publish` another run before each further pass."""
    while True:
        await feed.run(publish)
        if not loop:
            return
        begin_run()
