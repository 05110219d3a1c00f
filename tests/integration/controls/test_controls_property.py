"""Whatever is stored, announced (again, late, by whom ever) and caught up with, in whichever order: all come to the same."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from storage.controls.announce import Announcer
from storage.controls.tail import ControlsTail
from storage.log.memory import MemoryLog
from storage.models.controls import ConnectorState, ControlDocument, Controls, Fault, Halt
from storage.mongo.connect import connect
from storage.mongo.controls import ControlDocuments, StoredControl
from storage.topics import Topics

DOCUMENTS: list[ControlDocument] = [
    *(Halt("h1", "platform", "", level, lifted=lifted) for level in ("halted", "reducing") for lifted in (False, True)),
    *(Halt("h2", "symbol", "AAPL.US", "halted", lifted=lifted) for lifted in (False, True)),
    *(Fault("sim-a", fault) for fault in ("none", "refuse", "down")),
    *(ConnectorState("sim-a", status) for status in ("up", "down")),
]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(DOCUMENTS)),
        st.tuples(st.just("announce"), st.integers(0, 30)),
        st.tuples(st.just("announce left"), st.none()),
        st.tuples(st.just("catch up"), st.integers(0, 2)),
        st.tuples(st.just("turn"), st.none()),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(STEPS)
def test_every_interleaving_ends_at_the_controls_of_the_documents(steps: list) -> None:
    asyncio.run(_run(steps))


async def _run(steps: list) -> None:
    clock, log, store = ManualClock(), MemoryLog(Topics()), connect("mongomock://", "test")
    documents = ControlDocuments(store.database)
    announcer = Announcer(log, documents, clock)
    tails = [ControlsTail(log, documents) for _ in range(3)]
    stored: list[StoredControl] = []
    for step, what in steps:
        if step == "put":
            stored += await announcer.store([what])
        elif step == "announce" and stored:
            await announcer.announce([stored[what % len(stored)]])
        elif step == "announce left":
            clock.advance(1)
            await announcer.announce_left()
        elif step == "catch up":
            await tails[what].catch_up()
        else:
            await asyncio.sleep(0)
    clock.advance(1)
    await announcer.announce_left()
    assert await documents.unannounced(clock.now()) == []
    for tail in tails:
        await tail.catch_up()
    end = max(tail.version for tail in tails)
    expected = Controls().changed(end, [control.document for control in await documents.all()])
    assert [tail.current for tail in tails] == [expected] * 3
    for tail in tails:
        await tail.close()
