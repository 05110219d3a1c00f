"""Reference data over both adapters: stored as a whole, at every moment whole, its change told by a version."""

from collections.abc import Callable

import pytest

from storage.models.calendars import Calendar, Segment
from storage.models.instruments import Instrument
from storage.mongo.calendars import Calendars
from storage.mongo.documents import Database
from storage.mongo.instruments import Instruments
from storage.mongo.reference import load_reference, reference_version, store_reference

ALWAYS = Calendar(name="24/7", timezone="UTC", always_open=True)
NEW_YORK = Calendar(
    name="XNYS",
    timezone="America/New_York",
    weekly={day: (Segment(state="open", start_minute=570, end_minute=960),) for day in range(5)},
    exceptions={"2024-12-25": (), "2024-12-24": (Segment(state="open", start_minute=570, end_minute=780),)},
    notes={"2024-12-25": "Christmas"},
    first_date="2004-01-01",
    last_date="2027-01-01",
)
BITCOIN = Instrument(
    symbol="BTCUSDT.BINANCE",
    venue="BINANCE",
    asset_class="crypto",
    calendar="24/7",
    currency="USDT",
    price_precision=2,
    qty_precision=5,
    tick_size="0.01",
    lot_size="0.00001",
    min_quantity="0.00001",
    max_quantity="9000",
    min_notional="5",
    initial_margin_rate="0.1",
    maintenance_margin_rate="0.05",
    reference_price="61000",
)
APPLE = BITCOIN.model_copy(
    update={"symbol": "AAPL.US", "venue": "XNAS", "asset_class": "equity", "calendar": "XNYS", "shortable": False}
)


async def test_nothing_is_stored_at_first(database: Database) -> None:
    reference = await load_reference(database)
    assert dict(reference.instruments) == {}
    assert dict(reference.calendars) == {}
    assert await reference_version(database) is None


async def test_the_set_comes_back_and_is_replaced_as_a_whole(database: Database) -> None:
    await store_reference(database, [BITCOIN, APPLE], [ALWAYS, NEW_YORK], "1")
    reference = await load_reference(database)
    assert dict(reference.instruments) == {"BTCUSDT.BINANCE": BITCOIN, "AAPL.US": APPLE}
    assert dict(reference.calendars) == {"24/7": ALWAYS, "XNYS": NEW_YORK}
    assert await reference_version(database) == "1"
    halted = BITCOIN.model_copy(update={"status": "halted"})
    await store_reference(database, [halted], [ALWAYS], "2")
    assert dict((await load_reference(database)).instruments) == {"BTCUSDT.BINANCE": halted}
    assert dict((await load_reference(database)).calendars) == {"24/7": ALWAYS}
    assert await reference_version(database) == "2"


async def test_an_instrument_without_its_calendar_stores_nothing(database: Database) -> None:
    await store_reference(database, [BITCOIN], [ALWAYS], "1")
    with pytest.raises(ValueError, match=r"AAPL\.US names the unknown calendar 'XNYS'"):
        await store_reference(database, [BITCOIN, APPLE], [ALWAYS], "2")
    assert dict((await load_reference(database)).instruments) == {"BTCUSDT.BINANCE": BITCOIN}
    assert await reference_version(database) == "1"


async def test_each_noun_is_listed_by_key_and_loaded_as_a_set(database: Database) -> None:
    await Instruments(database).load([BITCOIN, APPLE])
    await Calendars(database).load([NEW_YORK, ALWAYS])
    assert await Instruments(database).all() == [APPLE, BITCOIN]
    assert await Calendars(database).all() == [ALWAYS, NEW_YORK]
    await Instruments(database).load([APPLE])
    await Calendars(database).load([])
    assert await Instruments(database).all() == [APPLE]
    assert await Calendars(database).all() == []


class Stopped(Exception):
    """The process ends here."""


class StoppingDatabase:
    """A database that stops after a number of writes, as a killed process does."""

    def __init__(self, database: Database, writes: int) -> None:
        self._database, self.left = database, writes

    def __getitem__(self, name: str) -> "StoppingCollection":
        return StoppingCollection(self._database[name], self)

    def write(self) -> None:
        if self.left == 0:
            raise Stopped
        self.left -= 1


class StoppingCollection:
    """Its collections: reads pass, writes are counted."""

    def __init__(self, collection: object, database: StoppingDatabase) -> None:
        self._collection, self._database = collection, database

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name in {"replace_one", "delete_many"}:
            self._database.write()
        member: Callable[..., object] = getattr(self._collection, name)
        return member


async def test_a_load_that_is_killed_anywhere_leaves_a_whole_set_and_the_old_version(database: Database) -> None:
    for writes in range(20):
        await store_reference(database, [BITCOIN], [ALWAYS], "old")
        try:
            await store_reference(StoppingDatabase(database, writes), [APPLE], [NEW_YORK], "new")  # type: ignore[arg-type]
        except Stopped:
            await load_reference(database)
            assert await reference_version(database) == "old"
        else:
            assert await reference_version(database) == "new"
            assert writes == 5
            return
    pytest.fail("it never came to its end")
