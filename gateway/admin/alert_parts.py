"""What the routes about alerts are made of, for whoever builds the gateway."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.runtime.settings import AlertWebhook
from storage.alerting import AlertKeeper
from storage.mongo.alert_hooks import AlertHooks
from storage.mongo.alerts import Alerts
from storage.mongo.heartbeats import Heartbeats


@dataclass(frozen=True, slots=True)
class AlertParts:
    """`mail` is how mail is set here (`configured, host, port, sender, tls`), `alertmanager_token` None where Alertmanager is not
    heard.
    """

    alerts: Alerts
    desk: AlertKeeper
    hooks: AlertHooks
    heartbeats: Heartbeats
    webhooks: Sequence[AlertWebhook]
    mail: Mapping[str, Any]
    alertmanager_token: str | None
