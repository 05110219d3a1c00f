"""What the batch transport leans on inside Faust, checked at start-up, so that an update fails in words and not in data."""

from importlib.metadata import version
from typing import Final

from faust.app.base import App
from faust.transport.drivers import aiokafka as driver

FAUST_VERSION: Final = "0.15.3"
Needed = tuple[tuple[type, tuple[str, ...]], ...]
_NEEDED: Final[Needed] = (
    (
        driver.Consumer,
        (
            "_wait_next_records",
            "_to_message",
            "_new_offset",
            "_add_gap",
            "_new_consumer_thread",
            "_acked",
            "_acked_index",
            "_committed_offset",
            "_active_partitions",
            "_buffered_partitions",
            "_getmany",
            "can_resume_flow",
            "flow_active",
            "getmany",
            "on_buffer_drop",
            "on_buffer_full",
            "on_partitions_assigned",
            "on_partitions_revoked",
            "pause_partitions",
            "perform_seek",
            "resume_partitions",
            "seek_wait",
            "stop_flow",
        ),
    ),
    (
        driver.AIOKafkaConsumerThread,
        (
            "_create_worker_consumer",
            "_ensure_consumer",
            "_fetch_records",
            "_gather_remaining_tasks",
            "_serve",
            "_thread_running",
            "_thread_started",
            "call_thread",
            "seek_to_beginning",
        ),
    ),
    (App, ("_create_directories", "consumer_generation_id", "flow_control", "transport")),
)


class FaustIncompatible(Exception):
    """The installed Faust is not the one that the batch transport was proved with; the text says what differs."""


def check_faust(found: str | None = None, needed: Needed = _NEEDED) -> None:
    """Raise `FaustIncompatible` unless the installed Faust (or version `found`) is the pinned one and has every name."""
    installed = found if found is not None else version("faust-streaming")
    if installed != FAUST_VERSION:
        raise FaustIncompatible(
            f"faust-streaming {FAUST_VERSION} is needed, {installed} is installed: "
            "install the pinned requirements, or prove streams/app/batch_transport.py with the new one and move the pin"
        )
    missing = [f"{owner.__name__}.{name}" for owner, names in needed for name in names if not _has(owner, name)]
    if missing:
        raise FaustIncompatible(f"faust-streaming {installed} has no {', '.join(missing)}: install it again")


def _has(owner: type, name: str) -> bool:
    """Whether `owner` has the attribute or declares it for its instances."""
    return hasattr(owner, name) or any(name in vars(base).get("__annotations__", {}) for base in owner.__mro__)
