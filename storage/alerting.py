"""The keeper of alerts: told by any process that something is wrong, or is so no more. It keeps the alert and asks for its delivery."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ops.runtime.clock import Clock
from ops.runtime.identifiers import Identifiers
from storage.jobs import DELIVER_ALERT, Jobs
from storage.models.alert_tellings import with_due
from storage.models.alerts import (
    LONGEST_CODE,
    LONGEST_MESSAGE,
    LONGEST_SUBJECT,
    Alert,
    Cleared,
    Raised,
    Report,
    Severity,
    acknowledged,
    cleared,
    quieted,
    raised,
)
from storage.mongo.alerts import Alerts


class AlertKeeper:
    """Takes reports. All raise `StoreUnavailable`; then the report may be kept or not, and may be made again."""

    def __init__(self, alerts: Alerts, jobs: Jobs, identifiers: Identifiers, clock: Clock) -> None:
        self._alerts, self._jobs, self._identifiers, self._clock = alerts, jobs, identifiers, clock

    async def raise_(
        self, code: str, severity: Severity, subject: str, message: str, details: Mapping[str, Any], *, now: int
    ) -> Alert | None:
        """Something is wrong with `subject`: a new alert, or one more of the alert that stands. `code` as `area.reason`."""
        return await self.report(Raised(code, severity, subject, message, now, details))

    async def resolve(self, code: str, subject: str, *, now: int) -> Alert | None:
        """Nothing is wrong with it any more. None: nothing was known to be."""
        return await self.report(Cleared(code, subject, now))

    async def report(self, report: Report, *more: Raised) -> Alert | None:
        """The alert that the report began or changed, and `more` of the same code and subject with it; None: all was known
        already.
        """
        code, subject = report.code[:LONGEST_CODE], report.subject[:LONGEST_SUBJECT]
        change = self._changing((report, *more), code, subject)
        return await self._with_delivery(await self._alerts.change_newest(code, subject, change))

    async def acknowledge(self, alert_id: str, by: str, now: int) -> Alert | None:
        """Somebody has taken the alert. None: there is none, or it is not open any more."""
        return await self._change(alert_id, lambda one: acknowledged(one, by, now))

    async def quiet(self, alert_id: str, now: int) -> Alert | None:
        """Resolve the alert if nothing was reported for as long as it takes."""
        return await self._change(alert_id, lambda one: quieted(one, now))

    def _changing(self, reports: Sequence[Report], code: str, subject: str) -> Callable[[Alert | None], Alert | None]:
        alert_id = self._identifiers.new("alt")

        def change(newest: Alert | None) -> Alert | None:
            after = newest
            for report in reports:
                made = cleared(after, report) if isinstance(report, Cleared) else raised(after, report, alert_id)
                after = after if made is None else made
            if after is None or after == newest:
                return None
            bounded = {"code": code, "subject": subject, "message": after.message[:LONGEST_MESSAGE]}
            return with_due(after.model_copy(update=bounded), self._clock.now())

        return change

    async def _change(self, alert_id: str, change: Callable[[Alert], Alert | None]) -> Alert | None:
        def with_moment(alert: Alert) -> Alert | None:
            after = change(alert)
            return None if after is None else with_due(after, self._clock.now())

        return await self._with_delivery(await self._alerts.change(alert_id, with_moment))

    async def _with_delivery(self, alert: Alert | None) -> Alert | None:
        """The alert itself, whose delivery was asked for if it is due."""
        if alert is not None and alert.due_at is not None and alert.due_at <= self._clock.now():
            await self._jobs.enqueue(DELIVER_ALERT, alert.alert_id)
        return alert
