"""The job `deliver_alert`: begin a round of telling -> mails and webhooks -> end it. One worker at a time tells of an alert.

What a worker that died had begun is told again by whoever comes next: mails are kept once for a round, webhooks get the same delivery id.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final

from ops.runtime.clock import Clock
from ops.runtime.metrics import ALERT_HOOKS_TOTAL, ALERT_TELLINGS, Metrics
from ops.runtime.settings import AlertWebhook
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.alerting import AlertKeeper
from storage.jobs import DELIVER_ALERT
from storage.models.alert_tellings import hooks_due, round_begun, round_ended, with_due
from storage.models.alerts import Alert, Telling
from storage.mongo.alert_hooks import AlertHooks
from storage.mongo.alerts import Alerts
from workers.alerting.mails import AlertMails
from workers.alerting.webhooks import WebhookSender
from workers.jobs import TryAgain
from workers.sweeps.ports import AnsweringJobs

_log = logging.getLogger(__name__)
MOST_AT_ONCE: Final = 200
OVERDUE_SECONDS: Final = 5
"""How long an alert that is due is left to its own job before it counts as having none."""


class AlertDelivery:
    """The body of the job."""

    def __init__(
        self,
        alerts: Alerts,
        hooks: Sequence[AlertWebhook],
        *,
        mails: AlertMails,
        sender: WebhookSender,
        statuses: AlertHooks,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._alerts, self._mails, self._sender = alerts, mails, sender
        self._hooks = {hook.name: hook for hook in hooks if hook.enabled}
        self._statuses, self._clock = statuses, clock
        self._tellings = metrics.counter(ALERT_TELLINGS)
        self._tries = metrics.counter(ALERT_HOOKS_TOTAL)

    async def deliver(self, alert_id: str) -> None:
        """Tell of the alert all that is due. Raises `TryAgain` while a webhook has not taken it, and `StoreUnavailable`."""
        while True:
            now = self._clock.now()
            alert = await self._alerts.change(alert_id, partial(_begun, self._hooks, now))
            if alert is None or alert.telling is None:
                return
            wait = await self._tell(alert, alert.telling)
            if wait is not None:
                raise TryAgain(f"webhooks have not taken alert {alert_id}", wait)

    async def _tell(self, alert: Alert, telling: Telling) -> float | None:
        """Seconds to wait, when all that is left of the round is webhooks to be tried later. None: look what is to be told now."""
        await self._mails.tell(alert, telling)
        taken = await self._tried(alert, telling)
        now = self._clock.now()
        after = await self._alerts.change(alert.alert_id, partial(_ended, telling, taken, now))
        if after is None:
            _log.warning("the claim on alert %s was lost while it was told", alert.alert_id)
            return None
        if after.telling is None:
            self._tellings.labels(kind=telling.kind, severity=alert.severity).inc()
            return None
        if after.due_at is None or after.due_at <= now:
            return None
        return (after.due_at - now) / NANOSECONDS_PER_SECOND

    async def _tried(self, alert: Alert, telling: Telling) -> dict[str, bool]:
        """Of each webhook whose turn it is, whether it is finished with."""
        names = hooks_due(telling, self._clock.now())
        finished = await asyncio.gather(*(self._try(name, alert, telling) for name in names))
        return dict(zip(names, finished, strict=True))

    async def _try(self, name: str, alert: Alert, telling: Telling) -> bool:
        """Whether the webhook is finished with; one that is not set any more is."""
        hook = self._hooks.get(name)
        if hook is None:
            return True
        answer = await self._sender.send(hook, alert, telling)
        self._tries.labels(webhook=name, outcome="taken" if answer.finished else "failed").inc()
        if not answer.finished:
            _log.warning("webhook %s has not taken alert %s: %s", name, alert.alert_id, answer.status)
        await self._statuses.answered(name, answer.status, self._clock.now())
        return answer.finished


def _begun(hooks: Iterable[str], now: int, alert: Alert) -> Alert | None:
    after = round_begun(alert, hooks, now)
    return None if after is None else with_due(after, now)


def _ended(claimed: Telling, taken: dict[str, bool], now: int, alert: Alert) -> Alert | None:
    after = round_ended(alert, claimed, taken, now)
    return None if after is None else with_due(after, now)


def delivery_sweep(alerts: Alerts, jobs: AnsweringJobs, clock: Clock) -> Callable[[], Awaitable[int]]:
    """The work of the sweep that finds alerts that no job came for, or whose teller died."""

    async def sweep() -> int:
        if await jobs.problem() is not None:
            return 0
        found = await alerts.due(clock.now() - OVERDUE_SECONDS * NANOSECONDS_PER_SECOND, MOST_AT_ONCE)
        await asyncio.gather(*(jobs.enqueue(DELIVER_ALERT, alert_id) for alert_id in found))
        return len(found)

    return sweep


def quiet_sweep(alerts: Alerts, keeper: AlertKeeper, clock: Clock) -> Callable[[], Awaitable[int]]:
    """The work of the sweep that resolves alerts of which nothing was reported for as long as it takes."""

    async def sweep() -> int:
        found = await alerts.quiet(clock.now(), MOST_AT_ONCE)
        return sum([await keeper.quiet(alert_id, clock.now()) is not None for alert_id in found])

    return sweep
