"""What is looked at again and again, over both stores: raised once, and ended by what is seen, not by time."""

from storage.models.alerts import Raised
from storage.models.operations import Heartbeat
from tests.integration.alerting.keeping import Keeping
from workers.alerting.watching import Watching, process_watch


class Beats:
    """Heartbeats as a test says."""

    def __init__(self) -> None:
        self.beats: list[Heartbeat] = []

    async def all(self, since: int) -> list[Heartbeat]:
        return [one for one in self.beats if one.beat_at >= since]


async def test_a_process_that_dies_is_an_alert_until_another_has_started(keeping: Keeping) -> None:
    beats, now = Beats(), keeping.clock.now()
    watching = Watching([process_watch(beats)], keeping.alerts, keeping.keeper(), keeping.clock)
    dead = Heartbeat(
        process_id="orders-a-1", role="orders", version="1", host="a", started_at=1, beat_at=now, ready=True
    )
    beats.beats = [dead]
    theirs = Raised("process.gone", "critical", "told by a rule", "m", now, cause="fingerprint")
    await keeping.keeper().report(theirs)
    assert await watching.work() == 0
    keeping.clock.advance(20)
    assert await watching.work() == 1
    assert await watching.work() == 0
    keeping.clock.advance(120)
    assert await watching.work() == 0
    alert = await keeping.alerts.newest("process.gone", "orders-a-1")
    assert alert is not None
    assert (alert.state, alert.count, alert.last_seen_at) == ("open", 1, keeping.clock.now())
    fresh = dead.model_copy(update={"process_id": "orders-a-2", "started_at": now + 1, "beat_at": keeping.clock.now()})
    beats.beats.append(fresh)
    assert await watching.work() == 1
    over = await keeping.alerts.newest("process.gone", "orders-a-1")
    assert over is not None
    assert over.state == "resolved"
    untouched = await keeping.alerts.newest("process.gone", "told by a rule")
    assert untouched is not None
    assert untouched.state == "open", "what others have raised is theirs to end"


async def test_a_process_that_is_gone_for_hours_stays_an_alert_though_its_heartbeat_is_forgotten(
    keeping: Keeping,
) -> None:
    beats, now = Beats(), keeping.clock.now()
    dead = Heartbeat(
        process_id="orders-a-1", role="orders", version="1", host="a", started_at=1, beat_at=now, ready=True
    )
    beats.beats = [dead]
    keeping.clock.advance(20)

    async def look() -> tuple[str, int]:
        """As a worker does that has just started: what it knows is what is kept."""
        await Watching([process_watch(beats)], keeping.alerts, keeping.keeper(), keeping.clock).work()
        alert = await keeping.alerts.newest("process.gone", "orders-a-1")
        assert alert is not None
        return alert.state, alert.number

    assert await look() == ("open", 1)
    for _ in range(3):
        keeping.clock.advance(3_600)
        assert await look() == ("open", 1)
    beats.beats.clear()
    assert await look() == ("open", 1)
    started = keeping.clock.now()
    keeping.clock.advance(1)
    fresh = {"process_id": "orders-a-2", "started_at": started, "beat_at": keeping.clock.now()}
    beats.beats.append(dead.model_copy(update=fresh))
    assert await look() == ("resolved", 1)
