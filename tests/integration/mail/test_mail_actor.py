"""The job `send_mail` against a real SMTP server: up, down, slow, refusing, breaking off; every live code arrives once."""

import asyncio
import logging
from pathlib import Path

import pytest

from ops.runtime.clock import ManualClock
from tests.integration.mail.conftest import SECOND, PostOffice, post_office
from tests.integration.mail.mail_house import MailHouse, certificate
from workers.mail.smtp import MailServer, SmtpTransport


def transport_to(house: MailHouse, clock: ManualClock, timeout: float = 2.0, answer: float = 30.0) -> SmtpTransport:
    server = MailServer("127.0.0.1", house.port, starttls=False, tls=False)
    return SmtpTransport(server, "Hub <no-reply@omniaxs.example>", clock, timeout, answer_seconds=answer)


async def test_a_code_arrives_and_is_forgotten_here(office: PostOffice, mail_house: MailHouse) -> None:
    outbox_id = await office.put(42)
    assert await office.work(outbox_id) == 0
    [message] = mail_house.received
    assert message["To"] == "ann@example.com"
    assert message["Subject"] == "Your login code"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert "000042" in body.get_content()
    kept = await office.kept(outbox_id)
    assert (kept.state, kept.sealed, kept.attempts) == ("sent", None, 1)
    assert office.report.details()["worked"] is True


async def test_a_job_that_comes_again_sends_nothing(office: PostOffice, mail_house: MailHouse) -> None:
    outbox_id = await office.put()
    await asyncio.gather(*(office.work(outbox_id) for _ in range(10)))
    await office.work(outbox_id)
    assert len(mail_house.received) == 1


async def test_a_job_for_a_mail_that_is_gone_ends(office: PostOffice, mail_house: MailHouse) -> None:
    await office.work("notices:ntc_gone:1")
    with pytest.raises(ValueError, match="is not an outbox id"):
        await office.sending.send("elsewhere:1:1")
    assert mail_house.received == []


async def test_connections_are_used_again_and_an_old_one_is_not_trusted(
    office: PostOffice, mail_house: MailHouse
) -> None:
    for number in range(5):
        await office.work(await office.put(number))
    assert mail_house.connections == 1
    office.clock.advance(60)
    await office.work(await office.put(5))
    assert mail_house.connections == 2
    assert len(mail_house.received) == 6


async def test_a_server_that_was_restarted_costs_no_try(office: PostOffice, mail_house: MailHouse) -> None:
    await office.work(await office.put(1))
    mail_house.break_off_after_data = 1
    broken = await office.put(2)
    await office.work(broken, most_seconds=0.5)
    outbox_id = await office.put(3)
    assert await office.work(outbox_id) == 0
    assert (await office.kept(outbox_id)).attempts == 1


async def test_a_server_that_is_away_for_two_minutes_delays_every_code_and_loses_none(
    office: PostOffice, mail_house: MailHouse
) -> None:
    await mail_house.close()
    ids = [await office.put(number, to=f"ann{number}@example.com") for number in range(8)]
    for outbox_id in ids:
        assert await _tries_until(office, outbox_id, office.clock.now()) == 1
    away_until = office.clock.now() + 120 * SECOND
    for outbox_id in ids:
        await _tries_until(office, outbox_id, away_until)
    assert mail_house.received == []
    assert office.report.details()["worked"] is False
    await mail_house.open()
    for outbox_id in ids:
        assert await office.work(outbox_id) <= 15
        assert (await office.kept(outbox_id)).state == "sent"
    assert set(mail_house.message_ids().values()) == {1}
    assert len(mail_house.received) == len(ids)


async def _tries_until(office: PostOffice, outbox_id: str, until: int) -> int:
    """Try as the job does while `until` has not come; how often. The clock is led on only as far as `until`."""
    tries = 0
    while True:
        kept = await office.kept(outbox_id)
        if kept.next_try_at > until or (tries and kept.next_try_at == 0):
            return tries
        office.clock.advance(max(0, kept.next_try_at - office.clock.now()) / SECOND)
        await office.work(outbox_id, most_seconds=1e-9)
        tries += 1


async def test_a_code_is_never_sent_once_it_is_dead(office: PostOffice, mail_house: MailHouse) -> None:
    await mail_house.close()
    outbox_id = await office.put(life_seconds=60)
    assert await office.work(outbox_id) < 60
    await mail_house.open()
    await office.work(outbox_id)
    late = await office.put(2, life_seconds=60)
    office.clock.advance(60)
    await office.work(late)
    for dead in (outbox_id, late):
        kept = await office.kept(dead)
        assert (kept.state, kept.sealed) == ("expired", None)
    assert mail_house.received == []


async def test_a_slow_server_gets_each_mail_once(office: PostOffice, mail_house: MailHouse) -> None:
    mail_house.hold = asyncio.Event()
    outbox_id = await office.put()
    work = asyncio.create_task(office.work(outbox_id))
    await mail_house.given.wait()
    assert (await office.kept(outbox_id)).state == "sending"
    await office.work(outbox_id)  # the sweep's job, meanwhile: somebody has it
    mail_house.hold.set()
    assert await work == 0
    assert len(mail_house.received) == 1


async def test_a_server_slower_than_every_step_but_the_answer_is_waited_for(mail_house: MailHouse) -> None:
    clock = ManualClock()
    office = post_office(clock, transport_to(mail_house, clock, timeout=1.0))
    mail_house.hold = asyncio.Event()
    outbox_id = await office.put()
    work = asyncio.create_task(office.work(outbox_id))
    asyncio.get_running_loop().call_later(3.0, mail_house.hold.set)
    assert await work == 0
    assert len(mail_house.received) == 1
    await office.transport.close()


async def test_whether_a_mail_was_taken_is_unknown_when_no_answer_comes_and_it_goes_again_with_its_id(
    mail_house: MailHouse,
) -> None:
    clock = ManualClock()
    office = post_office(clock, transport_to(mail_house, clock, answer=1.0))
    mail_house.hold = asyncio.Event()
    outbox_id = await office.put()
    await office.work(outbox_id, most_seconds=1e-9)
    assert (await office.kept(outbox_id)).last_error == "SMTPReadTimeoutError"
    mail_house.hold.set()
    assert await office.work(outbox_id) == 0
    assert list(mail_house.message_ids().values()) == [2]
    await office.transport.close()


async def test_a_server_that_breaks_off_before_its_answer_is_tried_again(
    office: PostOffice, mail_house: MailHouse
) -> None:
    mail_house.break_off_after_data = 1
    outbox_id = await office.put()
    assert await office.work(outbox_id) == 2
    assert list(mail_house.message_ids().values()) == [2]
    assert (await office.kept(outbox_id)).state == "sent"


@pytest.mark.parametrize("answer", ["550 5.1.1 <ann@example.com> no such user", "553 5.1.3 bad address"])
async def test_a_recipient_who_is_refused_is_given_up_and_the_others_get_theirs(
    office: PostOffice, mail_house: MailHouse, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mail_house.recipients_answer["ann@example.com"] = answer
    refused = await office.put(1)
    others = [await office.put(number, to=f"bob{number}@example.com") for number in range(2, 5)]
    for outbox_id in (refused, *others):
        assert await office.work(outbox_id) == 0
    kept = await office.kept(refused)
    assert (kept.state, kept.sealed, kept.attempts) == ("refused", None, 1)
    assert kept.last_error is not None
    assert kept.last_error.startswith(f"SMTPRecipientRefused {answer[:9]}")
    assert sorted(str(message["To"]) for message in mail_house.received) == [f"bob{n}@example.com" for n in range(2, 5)]
    assert mail_house.connections == 1
    of_ours = [record for record in caplog.records if record.name != "mail.log"]  # which is the server's
    written = str([record.getMessage() for record in of_ours])
    assert "given up" in written
    assert "example.com" not in written, "people are not named in logs"
    assert "000001" not in written


@pytest.mark.parametrize("answer", ["450 4.2.1 busy", "421 4.3.2 going down", "530 5.7.0 authenticate first"])
async def test_a_recipient_who_is_not_taken_now_is_tried_again(
    office: PostOffice, mail_house: MailHouse, answer: str
) -> None:
    mail_house.recipients_answer["ann@example.com"] = answer
    outbox_id = await office.put()
    await office.work(outbox_id, most_seconds=10)
    kept = await office.kept(outbox_id)
    assert (kept.state, kept.attempts) == ("pending", 3)
    mail_house.recipients_answer.clear()
    await office.work(outbox_id)
    assert len(mail_house.received) == 1


async def test_content_that_is_not_taken_now_is_tried_again_and_content_that_never_will_be_is_given_up(
    office: PostOffice, mail_house: MailHouse
) -> None:
    mail_house.data_answer = ["451 4.3.0 later", "452 4.3.1 full"]
    outbox_id = await office.put(1)
    assert await office.work(outbox_id) == 2 + 4
    mail_house.data_answer = ["554 5.7.1 spam"]
    refused = await office.put(2)
    await office.work(refused)
    assert [(await office.kept(each)).state for each in (outbox_id, refused)] == ["sent", "refused"]
    assert len(mail_house.received) == 1


async def test_what_another_key_ring_sealed_waits_for_it(office: PostOffice, mail_house: MailHouse) -> None:
    outbox_id = await office.put(life_seconds=20)
    collection = office.store.database["notices"]
    await collection.update_one({"_id": "ntc_1"}, {"$set": {"mail.sealed": "v1.newer.AAAAAAAAAAAAAAAAAAAAAAAA"}})
    await office.work(outbox_id, most_seconds=3)
    kept = await office.kept(outbox_id)
    assert kept.state == "pending"
    assert kept.last_error is not None
    assert "'newer'" in kept.last_error
    assert mail_house.received == []


async def test_a_mail_that_cannot_be_rendered_is_given_up(office: PostOffice, mail_house: MailHouse) -> None:
    outbox_id = await office.put()
    await office.store.database["notices"].update_one({"_id": "ntc_1"}, {"$unset": {"mail.sealed": ""}})
    await office.work(outbox_id)
    kept = await office.kept(outbox_id)
    assert (kept.state, kept.last_error) == ("refused", "login_code has no code or token")
    assert mail_house.received == []


async def test_an_address_outside_ascii_is_served(office: PostOffice, mail_house: MailHouse) -> None:
    await office.work(await office.put(to="änn@bücher.example"))
    assert [str(message["To"]) for message in mail_house.received] == ["änn@xn--bcher-kva.example"]


async def test_starttls_and_login(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path)
    house = await MailHouse(server_tls, password="right").open()
    clock = ManualClock()

    def transport(password: str, context: object = client_tls) -> SmtpTransport:
        url = f"smtp+starttls://user:{password}@127.0.0.1:{house.port}"
        return SmtpTransport(MailServer.parse(url), "no-reply@omniaxs.example", clock, 5.0, tls_context=context)

    office = post_office(clock, transport("right"))
    outbox_id = await office.put()
    assert await office.work(outbox_id) == 0
    assert len(house.received) == 1
    wrong = post_office(clock, transport("wrong"))
    refused = await wrong.put()
    await wrong.work(refused, most_seconds=1e-9)
    assert (await wrong.kept(refused)).last_error == "no connection: SMTPAuthenticationError 535 5.7.8"
    untrusted = post_office(clock, transport("right", None))
    unsent = await untrusted.put()
    await untrusted.work(unsent, most_seconds=1e-9)
    error = (await untrusted.kept(unsent)).last_error
    assert error is not None
    assert error.startswith("no connection: ")
    assert len(house.received) == 1
    await office.transport.close()
    await house.close()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    server_tls, client_tls = certificate(tmp_path)
    house = await MailHouse(server_tls, password="right", at_once=True).open()
    clock = ManualClock()
    server = MailServer.parse(f"smtps://user:right@127.0.0.1:{house.port}")
    office = post_office(clock, SmtpTransport(server, "no-reply@omniaxs.example", clock, 5.0, tls_context=client_tls))
    assert await office.work(await office.put()) == 0
    assert len(house.received) == 1
    await office.transport.close()
    await house.close()


async def test_a_server_without_starttls_is_not_spoken_to_where_it_is_required(mail_house: MailHouse) -> None:
    clock = ManualClock()
    url = f"smtp+starttls://user:hunter2@127.0.0.1:{mail_house.port}"
    office = post_office(clock, SmtpTransport(MailServer.parse(url), "no-reply@omniaxs.example", clock, 5.0))
    outbox_id = await office.put()
    await office.work(outbox_id, most_seconds=1e-9)
    assert mail_house.received == []
    error = (await office.kept(outbox_id)).last_error
    assert error is not None
    assert error.startswith("no connection: SMTP")
    assert "hunter2" not in error
