"""From what is wrong to a person and a webhook: signals, dead letters, what a process says itself; told once, and when it is over."""

import re
from pathlib import Path

from ops.runtime.timestamps import parse_timestamp
from storage.log.dead_letters import message_of
from storage.models.dead_letters import DeadLetter, stack_hash
from storage.models.people import Admin
from storage.mongo.admins import Admins
from storage.mongo.alert_hooks import AlertHooks
from storage.topics import DEAD_LETTERS
from tests.integration.alerting.conftest import RECIPIENT, Alarm
from tests.integration.alerting.hook_house import SECRET

DOCUMENT = Path(__file__).parents[3] / "docs" / "alerts.md"


def verified(*arguments: object) -> bool:
    """The example of the document, as it is printed there."""
    code = next(one for one in re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102  (our own document)
    return bool(names["verified"](*arguments))  # type: ignore[operator]


def a_letter(offset: int = 7, reason: str = "late") -> DeadLetter:
    return DeadLetter(
        topic="trades", partition=3, offset=offset, key=b"AAPL.US", value=b"secret bytes", headers=(), reason=reason,
        text="too late", stack_hash=stack_hash("bars", reason), processor="bars", ts="2099-11-23T05:00:00Z",
    )  # fmt: skip


async def test_a_signal_becomes_an_alert_a_mail_and_a_webhook_and_ends(alarm: Alarm) -> None:
    await Admins(alarm.platform.store.database).insert(
        Admin(
            admin_id="adm_1", role="ops_admin", email=RECIPIENT, display_name="夜番", preferred_language="ja-JP",
            status="active", password_hash="-", created_at=1,
        )
    )  # fmt: skip
    await alarm.signal("raised")
    alert = await alarm.until("margin.call", "acc_1", lambda one: one.telling is None and one.tellings == 1)
    assert (alert.state, alert.severity, alert.count) == ("open", "critical", 1)
    assert alert.first_seen_at == parse_timestamp("2026-11-23T05:00:00Z")
    assert alert.details == {"signal_id": "sig_1", "figures": {"risk_ratio": "1.2"}}
    (delivery,) = await alarm.house.until(1)
    (mail,) = await alarm.mailed(1)

    assert (mail.to, mail.language) == (RECIPIENT, "ja-JP")
    assert mail.subject == "【重大】新規：追加証拠金の請求（acc_1）"
    assert "夜番" in mail.text
    assert "docs/operating.md#alert-margin-call" in mail.text
    told = delivery.told
    assert (told["kind"], told["code"], told["alert_id"]) == ("open", "margin.call", alert.alert_id)
    assert told["first_seen_at"] == "2026-11-23T05:00:00Z"
    path, _, query = delivery.target.partition("?")
    assert (path, query) == ("/alerts/in", "team=night")
    assert verified(SECRET, path, query, delivery.headers, delivery.body)
    assert not verified("another secret", path, query, delivery.headers, delivery.body)
    assert not verified(SECRET, path, query, delivery.headers, delivery.body + b" ")
    assert not verified(SECRET, path, query, {**delivery.headers, "idempotency-key": "x"}, delivery.body)
    old = {**delivery.headers, "x-pm-timestamp": "1700000000000"}
    assert not verified(SECRET, path, query, old, delivery.body)

    await alarm.signal("raised", 2)
    await alarm.until("margin.call", "acc_1", lambda one: one.count == 2)
    await alarm.signal("cleared", 1)
    await alarm.signal("raised", 2)
    await alarm.signal("cleared", 2)
    over = await alarm.until("margin.call", "acc_1", lambda one: one.state == "resolved" and one.telling is None)
    assert (over.alert_id, over.count) == (alert.alert_id, 2)
    await alarm.house.until(2)
    await alarm.mailed(2)
    assert alarm.house.kinds() == ["open", "resolved"], "what repeats is not told for a quarter of an hour"
    assert [mail.subject for mail in alarm.mails()][1] == "【重大】解消：追加証拠金の請求（acc_1）"
    assert await AlertHooks(alarm.platform.store.database).statuses() == {"pager": "204"}


async def test_dead_letters_of_one_fault_are_one_alert(alarm: Alarm) -> None:
    for number in range(30):
        await alarm.platform.log.append(DEAD_LETTERS, message_of(a_letter(number)))
    await alarm.platform.log.append(DEAD_LETTERS, message_of(a_letter(99, "undecodable")))
    subject = f"trades/bars/late/{stack_hash('bars', 'late')}"
    alert = await alarm.until("log.dead_letter", subject, lambda one: one.count == 30)
    assert alert.details["dead_letter"] == 29
    assert "secret" not in alert.model_dump_json()
    other = await alarm.until("log.dead_letter", f"trades/bars/undecodable/{stack_hash('bars', 'undecodable')}", bool)
    assert other.count == 1
    await alarm.house.until(2)
    mails = await alarm.mailed(2)
    assert {mail.to for mail in mails} == {RECIPIENT}
    assert mails[0].language == "en-US"
    assert sorted(alarm.house.kinds()) == ["open", "open"]


async def test_a_process_reports_by_itself_and_a_failing_webhook_is_told_later(alarm: Alarm) -> None:
    alarm.house.answers[:] = [500, 302]
    now = alarm.platform.clock.now
    await alarm.keeper.raise_("provisioning.failed", "critical", "job_1", "It failed.", {"step": "validate"}, now=now())
    received = await alarm.house.until(3)
    assert len({one.headers["idempotency-key"] for one in received}) == 1, "the same delivery again"
    alert = await alarm.until("provisioning.failed", "job_1", lambda one: one.telling is None)
    await alarm.keeper.acknowledge(alert.alert_id, "adm_1", now())
    await alarm.house.until(4)
    await alarm.keeper.resolve("provisioning.failed", "job_1", now=now())
    await alarm.until("provisioning.failed", "job_1", lambda one: one.told_state == "resolved" and one.telling is None)
    assert alarm.house.kinds() == ["open", "open", "open", "acknowledged", "resolved"]
    assert len(await alarm.mailed(3)) == 3
