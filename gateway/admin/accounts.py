"""Accounts, as a super_admin rules them: money in and out, and limits. The order core does both."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.admin.acts import Values, act_of, encode
from gateway.admin.core import CoreDesk
from gateway.admin.limit_fields import LimitFields
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from storage.models.accounts import Limits
from storage.models.audit import AuditEvent
from storage.models.money import money, parse_number
from storage.models.order_commands import Deposit, SetLimits

_AN_AMOUNT: Final = 'a string with a decimal number, not 0, of at most 8 decimals, e.g. "1000" or "-250.5"'
_A_CURRENCY: Final = "the code of a currency, 2 to 12 capital letters and digits, e.g. USD"
_CURRENCY: Final = re.compile(r"[A-Z0-9]{2,12}")


class AccountDesk:
    """Deposits and limits. Ids of commands and the time they are asked at are the same for every try of one write."""

    def __init__(self, parts: AdminParts) -> None:
        self._core = CoreDesk(parts)
        self._trail = parts.trail

    async def deposit(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: `account_id`, `seq`, `currency`, `amount`, `cash`, `balance`.

        Raises `request.invalid`, `account.not_found`, `account.insufficient_funds`, `order.outcome_unknown`.
        """
        reader = BodyReader(body)
        amount = _amount(reader)
        currency, reference = _currency(reader), reader.text("reference") or ""
        reader.finish()
        account_id = call.path["account_id"]
        account = (await self._core.account(account_id)).account
        paid = {"amount": amount, "currency": currency or account.currency, "reference": reference}
        act = act_of(call, "account.deposit", ("account", account_id), {"cash": account.cash}, paid)

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            done = await self._core.done(
                Deposit(
                    command_id=f"dep_{call.effect_id}",
                    account_id=account_id,
                    issued_at=intended.ts,
                    currency=paid["currency"],
                    amount=amount,
                    reference=reference,
                )
            )
            after = done.account.account
            balance = after.balances.get(paid["currency"], "0")
            told = {**paid, "seq": done.seq, "cash": after.cash, "balance": balance}
            return encode({"account_id": account_id, **told}), told

        return await self._trail.privileged(act, effect)

    async def limits(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: `account_id` and all limits as they are set; what is not given stays as it is, null is no limit.

        Raises `request.invalid`, `account.not_found`, `order.outcome_unknown`.
        """
        fields = LimitFields(body)
        account_id = call.path["account_id"]
        account = await self._core.account(account_id)
        before = _plain(account.limits)
        act = act_of(call, "account.limits", ("account", account_id), before, _plain(fields.applied_to(account.limits)))

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            wanted = fields.applied_to(_limits(intended.before, account.limits))
            await self._core.done(
                SetLimits(
                    command_id=f"lim_{call.effect_id}", account_id=account_id, issued_at=intended.ts, limits=wanted
                )
            )
            return encode({"account_id": account_id, **_plain(wanted)}), _plain(wanted)

        return await self._trail.privileged(act, effect)


def _amount(reader: BodyReader) -> str:
    text = reader.text("amount", required=True)
    value: Decimal | None = None if text is None else parse_number(text)
    if text is not None and (not value or money(value) != value):
        reader.refuse("amount", "not such a number", _AN_AMOUNT)
    return text or ""


def _currency(reader: BodyReader) -> str | None:
    text = reader.text("currency")
    if text is not None and _CURRENCY.fullmatch(text) is None:
        reader.refuse("currency", "not the code of a currency", _A_CURRENCY)
    return text


def _plain(limits: Limits) -> Values:
    fields: Values = msgspec.to_builtins(limits)
    return fields


def _limits(kept: Mapping[str, Any] | None, present: Limits) -> Limits:
    """The limits before the first try, so that a repeat asks for the very same."""
    return present if kept is None else msgspec.convert(kept, Limits)
