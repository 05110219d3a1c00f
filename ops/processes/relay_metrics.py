"""How long what follows from a decided record takes to stand on the next topic, as a metric."""

from collections.abc import Callable

from ops.processes.platform import Platform
from ops.runtime.clock import milliseconds
from ops.runtime.metrics import RELAY_DELAY


def relay_delay(platform: Platform, target: str) -> Callable[[int], None]:
    """Observes one record, given its timestamp (ms since the epoch), whose messages now stand on `target`."""
    observe = platform.metrics.histogram(RELAY_DELAY).labels(target=target).observe

    def sent(timestamp: int) -> None:
        observe(max(0, milliseconds(platform.clock.now()) - timestamp) / 1000)

    return sent
