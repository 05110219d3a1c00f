"""Commands about accounts: what was not done is never taken for done."""

import pytest

from storage.decisions.accounts import CommandRefused, decide
from storage.models.order_commands import SetTradingState
from storage.models.order_events import (
    CommandDenied,
    CommandRepeated,
    CommandTooOld,
    Event,
    FirstAnswer,
    TradingStateChanged,
)
from storage.models.order_records import Cause, OrderRecord, Used

HALT = SetTradingState(command_id="cmd", account_id="acc_1", issued_at=7, state="halted", set_by="admin")
DONE = TradingStateChanged("halted", "active", "admin", "2024-01-01T00:00:00Z")
TOLD = FirstAnswer(1, "2024-01-01T00:00:00Z", "TradingStateChanged")
REFUSED = FirstAnswer(1, "2024-01-01T00:00:00Z", "CommandDenied", "account.not_open", {"account_id": "acc_1"})


class Core:
    """Answers every command with one event."""

    def __init__(self, event: Event) -> None:
        self._event = event

    async def decide(self, command: SetTradingState, seconds: float) -> OrderRecord:
        return OrderRecord(
            account_id=command.account_id,
            seq=2,
            epoch=0,
            cause=Cause("order-commands", 0, command.command_id),
            ts="2024-01-01T00:00:00Z",
            events=(self._event,),
            orders=(),
            positions=(),
            account=None,
            used=Used((), 0),
        )


@pytest.mark.parametrize("event", [DONE, CommandRepeated("cmd", TOLD)])
async def test_what_was_done_now_or_before_is_its_record(event: Event) -> None:
    assert (await decide(Core(event), HALT)).events == (event,)


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (CommandDenied("cmd", "account.not_open", {}), "account.not_open"),
        (CommandRepeated("cmd", REFUSED), "account.not_open"),
        (CommandTooOld("cmd"), "order.expired_in_transit"),
    ],
)
async def test_what_was_denied_or_came_too_late_is_refused(event: Event, code: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        await decide(Core(event), HALT)
    assert refused.value.code == code
