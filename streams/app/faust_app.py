"""Topic -> who takes its batches: the Faust app of one group, with one thin agent a topic; nothing outside `streams/app`
knows Faust.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import faust
from mode import CrashingSupervisor

from streams.app.batch import Batch, BatchTaker
from streams.app.batch_transport import BatchTransport, PartitionListener
from streams.app.pins import check_faust


@dataclass(frozen=True, slots=True)
class AppOptions:
    """How a group reads. `broker` is `host:port[,host:port]`, `group` the app id and so the consumer group; `prefix`
    goes before the names of group and topics on the broker.

    `max_poll_records` bounds a batch (1,000 records block the loop for about 10 ms); `rest_seconds` is the pause
    before a fetch at low rates (market data 0.005, orders 0).
    """

    group: str
    broker: str
    prefix: str = ""
    max_poll_records: int = 1_000
    rest_seconds: float = 0.005
    session_seconds: float = 6.0
    heartbeat_seconds: float = 1.0
    rebalance_seconds: float = 10.0
    commit_seconds: float = 1.0


class _WholeValue(faust.Schema[Any, Any]):
    """Passes a batch through undecoded: the processors decode."""

    def loads_key(self, app: Any, message: Any, **_options: Any) -> Any:  # noqa: ARG002
        return message.key

    def loads_value(self, app: Any, message: Any, **_options: Any) -> Any:  # noqa: ARG002
        return message.value


class _App(faust.App):
    """Without the folder that Faust makes for its tables; there are none here."""

    def _create_directories(self) -> None: ...


def build_app(
    options: AppOptions,
    takers: Mapping[str, BatchTaker],
    listener: PartitionListener,
    transport: type[BatchTransport] = BatchTransport,
) -> faust.App:
    """The app of one group, with an agent for each topic of `takers`. Starts nothing.

    Raises `FaustIncompatible` when the installed Faust is not the one that the batch transport was proved with.
    """
    check_faust()
    app = _App(
        options.prefix + options.group,
        broker=[f"kafka://{address}" for address in options.broker.split(",")],
        processing_guarantee="at_least_once",
        broker_session_timeout=options.session_seconds,
        broker_heartbeat_interval=options.heartbeat_seconds,
        broker_rebalance_timeout=options.rebalance_seconds,
        broker_commit_interval=options.commit_seconds,
        broker_max_poll_records=options.max_poll_records,
        stream_buffer_maxsize=16,
        stream_wait_empty=False,  # the listener drains
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        store="memory://",
        autodiscover=False,
    )
    app.transport = transport(app.conf.broker_consumer, app, listener=listener, rest_seconds=options.rest_seconds)
    for taker in takers.values():
        _register(app, options.prefix + taker.topic, taker)
    return app


def _register(app: faust.App, topic: str, taker: BatchTaker) -> None:
    """One agent for all processors of the topic, so that each gets every batch and an acknowledgement waits for all."""
    channel = app.topic(topic, schema=_WholeValue())

    @app.agent(channel, name=f"{topic}-batches", supervisor_strategy=CrashingSupervisor)
    async def take(stream: Any) -> None:
        async for event in stream.noack().events():
            message = event.message
            await taker.take(Batch(message.partition, message.generation_id, event.value, event.ack))
