"""The reference data of a serving process while somebody stores another set."""

from types import SimpleNamespace

import pytest

from ops.processes import reference_watch
from ops.processes.reference_watch import ReferenceWatch
from storage.mongo.connect import connect
from storage.mongo.instruments import Instruments
from storage.mongo.reference import store_reference
from storage.reference_data.builtin import load_builtin


class Ended(BaseException):
    """Ends the watch after some looks."""


@pytest.fixture
def looks(monkeypatch):
    """What happens before each look; then the watch ends."""
    steps: list = []

    async def sleep(_seconds):
        if not steps:
            raise Ended
        await steps.pop(0)()

    monkeypatch.setattr(reference_watch.asyncio, "sleep", sleep)
    return steps


async def test_a_set_that_is_met_half_way_is_looked_at_again(looks):
    store = connect("mongomock://", "test")
    builtin = load_builtin()
    instruments, calendars = list(builtin.instruments.values()), list(builtin.calendars.values())
    await store_reference(store.database, instruments, calendars, "1")
    watch = await ReferenceWatch.opened(SimpleNamespace(store=store))  # type: ignore[arg-type]
    before = watch()

    async def half_way():
        await store_reference(store.database, instruments[:1], calendars, "2")
        stray = instruments[0].model_copy(update={"calendar": "not-stored-yet"})
        await Instruments(store.database).put([stray])

    async def whole():
        assert watch() is before
        await store_reference(store.database, instruments[:1], calendars, "2")

    looks += [half_way, whole]
    with pytest.raises(Ended):
        await watch.run()
    assert list(watch().instruments) == [instruments[0].symbol]
