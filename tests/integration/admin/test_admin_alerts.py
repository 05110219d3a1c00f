"""Alerts as admins see and take them, Alertmanager's door, and how people are told."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.admin.alert_parts import AlertParts
from gateway.admin.notifications import email_view
from ops.processes.alert_parts import alerts_shown
from ops.runtime.settings import AlertWebhook
from storage.jobs import DELIVER_ALERT
from storage.models.alerts import Alert
from storage.models.operations import Heartbeat
from storage.mongo.alert_hooks import AlertHooks
from storage.mongo.heartbeats import Heartbeats
from tests.integration.admin.admin_desk import AdminDesk, Answered, memory_platform

ROOT = Path(__file__).resolve().parents[3]
TOKEN = "alertmanager's own token"
SECOND = 1_000_000_000


@pytest.fixture
def desk() -> AdminDesk:
    """A gateway that hears Alertmanager and knows two webhooks."""
    platform = memory_platform()
    hooks = (
        AlertWebhook(name="pager", url="https://user.example/in?team=1", secret=SecretStr("s" * 16)),
        AlertWebhook(name="chat", url="https://chat.example", secret=SecretStr("s" * 16), enabled=False),
    )
    changes = {"alertmanager_token": SecretStr(TOKEN), "alert_webhooks": hooks}
    settings = platform.settings.model_copy(update=changes)
    object.__setattr__(platform, "settings", settings)
    return AdminDesk(platform)


def parts(desk: AdminDesk) -> AlertParts:
    return desk.parts.alerts


async def an_alert(desk: AdminDesk, subject: str = "acc_1", code: str = "margin.call", **changes: Any) -> Alert:
    severity = changes.pop("severity", "critical")
    alert = await parts(desk).desk.raise_(code, severity, subject, "Wrong.", {"n": 1}, now=desk.clock.now())
    assert alert is not None
    desk.clock.advance(1)
    return alert


async def test_alerts_are_listed_by_filters_and_in_pages(desk: AdminDesk) -> None:
    admin = await desk.log_in("compliance_admin")
    for number in range(5):
        await an_alert(desk, f"acc_{number}")
    await an_alert(desk, "XNAS", "feed.stale", severity="warning")
    listed = (await admin.get("/alerts")).data
    assert [item["subject"] for item in listed["items"]] == ["XNAS", "acc_4", "acc_3", "acc_2", "acc_1", "acc_0"]
    assert listed["next_page_token"] is None
    newest = listed["items"][0]
    assert newest["alert_id"].startswith("alt_")
    assert newest["runbook"] == "docs/operating.md#alert-feed-stale"
    assert (newest["state"], newest["count"], newest["details"], newest["resolved_at"]) == ("open", 1, {"n": 1}, None)
    assert len((await admin.get("/alerts?severity=warning")).data["items"]) == 1
    assert len((await admin.get("/alerts?code=margin.call&severity=critical")).data["items"]) == 5
    assert (await admin.get("/alerts?code=margin.call&severity=info")).data["items"] == []

    first = (await admin.get("/alerts?code=margin.call&limit=3")).data
    await an_alert(desk, "acc_new")
    rest = (await admin.get(f"/alerts?code=margin.call&limit=3&page_token={first['next_page_token']}")).data
    assert [one["subject"] for one in first["items"] + rest["items"]] == ["acc_4", "acc_3", "acc_2", "acc_1", "acc_0"]
    assert rest["next_page_token"] is None
    sized = (await admin.get("/alerts?code=margin.call&page_size=3")).data
    assert (len(sized["items"]), sized["next_page_token"] is not None) == (3, True)
    other = await admin.get(f"/alerts?code=feed.stale&page_token={first['next_page_token']}")
    assert (other.status, other.code) == (404, "page_token.not_found")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "page_size=0", "page_size=501", "limit=x", "severity=bad", "state=closed"]
)
async def test_a_bad_filter_is_named(desk: AdminDesk, query: str) -> None:
    answered = await (await desk.log_in()).get(f"/alerts?{query}")
    assert (answered.status, answered.code) == (422, "request.invalid")
    assert [field["name"] for field in answered.error["details"]["fields"]] == [query.partition("=")[0]]


async def test_an_alert_is_acknowledged_once_and_told(desk: AdminDesk) -> None:
    admin = await desk.log_in("ops_admin")
    alert = await an_alert(desk)
    desk.jobs.asked.clear()
    taken = await admin.send("POST", f"/alerts/{alert.alert_id}/acknowledge", {}, key="key-of-acknowledging")
    assert (taken.data["state"], taken.data["acknowledged_by"]) == ("acknowledged", admin.admin.admin_id)
    assert desk.jobs.asked == [(DELIVER_ALERT.name, alert.alert_id)]
    desk.clock.advance(5)
    again = await admin.send("POST", f"/alerts/{alert.alert_id}/acknowledge", None, key="")
    assert again.data == taken.data
    replayed = await admin.send("POST", f"/alerts/{alert.alert_id}/acknowledge", {}, key="key-of-acknowledging")
    assert replayed.body == taken.body
    assert [(event.action, event.stage) for event in await desk.told()][:2] == [
        ("alert.acknowledge", "intended"),
        ("alert.acknowledge", "done"),
    ]
    assert [item["state"] for item in (await admin.get("/alerts?state=acknowledged")).data["items"]] == ["acknowledged"]


async def test_what_is_resolved_or_unknown_cannot_be_taken(desk: AdminDesk) -> None:
    admin = await desk.log_in("ops_admin")
    alert = await an_alert(desk)
    await parts(desk).desk.resolve("margin.call", "acc_1", now=desk.clock.now())
    over = await admin.send("POST", f"/alerts/{alert.alert_id}/acknowledge")
    assert (over.status, over.code, over.error["details"]["state"]) == (409, "alert.wrong_state", "resolved")
    unknown = await admin.send("POST", "/alerts/alt_none/acknowledge")
    assert (unknown.status, unknown.code) == (404, "alert.not_found")
    typo = await admin.send("POST", f"/alerts/{alert.alert_id}/acknowledge", {"note": "x"})
    assert (typo.status, typo.code) == (422, "request.invalid")


def told(status: str = "firing", **changes: Any) -> dict[str, Any]:
    """What Alertmanager 0.25 posts."""
    alert = {
        "status": status,
        "labels": {"alertname": "ProcessDown", "code": "process.down", "severity": "critical", "instance": "a:1"},
        "annotations": {
            "subject": "market a:1", "summary": "market at a:1 is down", "runbook_url": "docs/operating.md#alert-process-down",
        },
        "startsAt": "2026-11-23T05:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z" if status == "firing" else "2026-11-23T05:10:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "f1",
        **changes,
    }  # fmt: skip
    return {
        "version": "4", "groupKey": "{}:{}", "truncatedAlerts": 0, "status": status, "receiver": "omniaxs",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://am", "alerts": [alert],
    }  # fmt: skip


async def post(desk: AdminDesk, body: Any, token: str | None = TOKEN) -> Answered:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return await desk.open("POST", "/alerts/alertmanager", headers, body)


async def test_alertmanager_is_heard_and_what_it_repeats_is_one_alert(desk: AdminDesk) -> None:
    assert (await post(desk, told())).data == {"received": 1, "changed": 1}
    alert = await parts(desk).alerts.newest("process.down", "market a:1")
    assert alert is not None
    assert (alert.severity, alert.message, alert.state) == ("critical", "market at a:1 is down", "open")
    assert alert.runbook == "docs/operating.md#alert-process-down"
    for _ in range(3):
        assert (await post(desk, told())).data["received"] == 1
    assert (await post(desk, told("resolved"))).data == {"received": 1, "changed": 1}
    assert (await post(desk, told("resolved"))).data == {"received": 1, "changed": 0}
    assert (await post(desk, told())).data == {"received": 1, "changed": 0}, "late, of what is over"
    over = await parts(desk).alerts.newest("process.down", "market a:1")
    assert over is not None
    assert (over.alert_id, over.state, over.count) == (alert.alert_id, "resolved", 1)
    await post(desk, told(startsAt="2026-11-23T06:00:00Z"))
    again = await parts(desk).alerts.newest("process.down", "market a:1")
    assert again is not None
    assert (again.state, again.number) == ("open", 2)


async def test_a_rule_without_our_labels_is_named_after_its_alert(desk: AdminDesk) -> None:
    labels = {"alertname": "NodeDiskFull", "severity": "page", "instance": "db:9100", "device": "sda"}
    await post(desk, told(labels=labels, annotations={"description": "Disk is full."}))
    alert = await parts(desk).alerts.newest("prometheus.node_disk_full", "device=sda,instance=db:9100")
    assert alert is not None
    assert (alert.severity, alert.message) == ("warning", "Disk is full.")
    page, _, paragraph = alert.runbook.partition("#")
    assert f"\n### {paragraph}\n" in (ROOT / page).read_text(), "every alert links a paragraph that is there"


@pytest.mark.parametrize("token", [None, "another token", "", TOKEN + "x", "töken"])
async def test_nobody_else_tells_of_alerts(desk: AdminDesk, token: str | None) -> None:
    answered = await post(desk, told(), token)
    assert answered.status == 401
    assert await parts(desk).alerts.count_standing() == 0


async def test_an_admins_token_does_not_open_alertmanagers_door_and_without_a_token_it_is_closed(
    desk: AdminDesk,
) -> None:
    admin = await desk.log_in()
    assert (await post(desk, told(), admin.token)).code == "auth.token_invalid"
    unset = AdminDesk(memory_platform())
    assert (await post(unset, told())).code == "auth.token_invalid"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"version": "3", "alerts": []}, {"version": "4"}, told(status="odd"), told(startsAt="yesterday"),
        told(labels={"alertname": 1}), {"version": "4", "alerts": [{}] * 1001}, {"version": "4", "alerts": {}},
    ],
)  # fmt: skip
async def test_what_is_not_alertmanagers_is_refused(desk: AdminDesk, body: Any) -> None:
    answered = await post(desk, body)
    assert (answered.status, answered.code) == (422, "request.invalid")
    assert await parts(desk).alerts.count_standing() == 0


async def test_notifications_show_what_is_set_and_no_secret(desk: AdminDesk) -> None:
    admin = await desk.log_in()
    empty = await admin.get("/notifications/config")
    assert empty.data["email"] == {
        "configured": False, "reachable": None, "host": None, "port": None, "tls": None, "last_success_at": None,
        "sender": "OMNIAXS Global Hub <no-reply@omniaxs.example>", "last_error": None, "last_error_at": None,
    }  # fmt: skip
    now = desk.clock.now()
    mail = {
        "configured": True, "host": "mail.example", "port": 587, "sender": "s@mail.example", "tls": "starttls",
        "reachable": False, "reachable_at": now, "last_success_at": now - 5 * SECOND, "last_error_at": now,
        "last_error": "no connection: TimeoutError", "worked": False,
    }  # fmt: skip
    beat = Heartbeat(
        process_id="workers-a-1", role="workers", version="1", host="a", started_at=now, beat_at=now, ready=True, details={"mail": mail}
    )  # fmt: skip
    await Heartbeats(desk.database).beat(beat)
    await AlertHooks(desk.database).answered("pager", "503", now)
    shown = await admin.get("/notifications/config")
    email = shown.data["email"]
    assert (email["configured"], email["reachable"], email["tls"]) == (True, False, "starttls")
    assert email["last_error"] == "no connection: TimeoutError"
    assert email["last_success_at"] < email["last_error_at"]
    assert shown.data["webhooks"] == [
        {"name": "pager", "url_host": "user.example", "enabled": True, "last_status": "503"},
        {"name": "chat", "url_host": "chat.example", "enabled": False, "last_status": None},
    ]
    assert "s" * 16 not in json.dumps(shown.data)
    assert "team=1" not in json.dumps(shown.data)


def test_of_several_workers_the_newest_word_counts() -> None:
    one = {
        "configured": True,
        "reachable": True,
        "reachable_at": 5,
        "last_success_at": 9,
        "last_error_at": 1,
        "last_error": "old",
    }
    two = {"configured": True, "reachable": False, "reachable_at": 7, "last_error_at": 8, "last_error": "new"}
    shown = email_view({"configured": False}, [two, one])
    assert (shown["reachable"], shown["last_error"], shown["configured"]) == (False, "new", True)
    assert shown["last_success_at"] == "1970-01-01T00:00:00.000000009Z"


def test_a_local_platform_shows_its_own_settings() -> None:
    desk = AdminDesk()
    assert alerts_shown(desk.platform, desk.jobs).alertmanager_token is None
