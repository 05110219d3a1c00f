"""How far the readers of topics are, as metrics: what dashboards and rules know of lag, progress and stalls."""

from collections import Counter
from collections.abc import Sequence

from ops.runtime.metrics import (
    CONSUMER_LAG,
    CONSUMER_POSITION,
    PARTITIONS_HELD,
    PARTITIONS_STALLED,
    TOPIC_PARTITIONS,
    Metrics,
)
from storage.topics import Topics
from streams.app.worker_state import WorkerState


class PartitionMetrics:
    """The gauges of one process. `show` replaces all that was shown, so that a partition which moved away disappears."""

    def __init__(self, metrics: Metrics, topics: Topics) -> None:
        self._topics = topics
        self._lag, self._position = metrics.gauge(CONSUMER_LAG), metrics.gauge(CONSUMER_POSITION)
        self._held, self._stalled = metrics.gauge(PARTITIONS_HELD), metrics.gauge(PARTITIONS_STALLED)
        self._partitions = metrics.gauge(TOPIC_PARTITIONS)

    def show(self, states: Sequence[WorkerState]) -> None:
        """What each group of this process says of itself."""
        for gauge in (self._lag, self._position, self._held, self._stalled):
            gauge.clear()
        for state in states:
            self._show(state)

    def _show(self, state: WorkerState) -> None:
        for held in state.partitions:
            labels = {"group": state.group, "topic": held.topic, "partition": str(held.partition)}
            self._lag.labels(**labels).set(held.lag or 0)
            self._position.labels(**labels).set(held.next_offset)
        stalled = Counter(held.topic for held in state.stalled)
        for topic, count in Counter(held.topic for held in state.partitions).items():
            self._held.labels(group=state.group, topic=topic).set(count)
            self._stalled.labels(group=state.group, topic=topic).set(stalled[topic])
            self._partitions.labels(topic=topic).set(self._topics[topic].partitions)
