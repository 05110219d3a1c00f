"""Which quotes a decision needs: asked before the call, so that the market can be built as a value. Pure."""

from collections.abc import Iterable, Iterator

from storage.models.controls import Controls
from storage.models.order_commands import Deposit, Reconcile, VenueFilled
from streams.orders.malformed import AnyCommand
from streams.orders.state import AccountState

_LONGEST_CHAIN = 4


def symbols_needed(state: AccountState, command: AnyCommand, controls: Controls) -> set[str]:
    """The command's symbol, those of the positions, and the conversion symbols of every currency on the way."""
    symbols: set[str] = set()
    currencies = set(_currencies_of(command))
    for symbol, position in state.positions.items():
        currencies.add(position.currency)
        if position.net_qty != "0":
            symbols.add(symbol)
    if state.account is not None:
        currencies.update(state.account.balances)
    currencies.update(state.reserved)
    asked = symbol_of(state, command)
    if asked is not None:
        symbols.add(asked)
        rules = controls.instruments.get(asked)
        if rules is not None:
            currencies.add(rules.currency)
    currencies.discard(state.currency)
    for currency in currencies:
        symbols.update(_conversions(state, currency, controls))
    return symbols


def symbol_of(state: AccountState, command: AnyCommand) -> str | None:
    """The symbol that a command is about: its own, else its order's; None where it is about the account."""
    order_id = getattr(command, "order_id", None)
    symbol: str | None = getattr(command, "symbol", None)
    order = state.order(order_id) if order_id is not None and symbol is None else None
    return order.symbol if order else symbol


def _currencies_of(command: AnyCommand) -> Iterable[str]:
    if isinstance(command, Deposit):
        return (command.currency,)
    if isinstance(command, VenueFilled) and command.fee_currency is not None:
        return (command.fee_currency,)
    if isinstance(command, Reconcile):
        return [fill.fee_currency for fill in command.fills if fill.fee_currency is not None]
    return ()


def _conversions(state: AccountState, currency: str, controls: Controls) -> Iterator[str]:
    for _ in range(_LONGEST_CHAIN):
        conversion = controls.conversions.get(currency) if currency != state.currency else None
        if conversion is None:
            return
        yield conversion.symbol
        currency = conversion.into
