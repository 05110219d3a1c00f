"""Which quotes a decision needs: asked before the call, so that the market can be built as a value. Pure."""

from collections.abc import Iterator

from storage.models.controls import Controls
from storage.models.order_commands import Deposit, Reconcile, VenueFilled
from streams.orders.malformed import AnyCommand
from streams.orders.state import AccountState

_LONGEST_CHAIN = 4


def symbols_needed(state: AccountState, command: AnyCommand, controls: Controls) -> set[str]:
    """The command's symbol, those of the positions, and the conversion symbols of every currency on the way."""
    symbols = {symbol for symbol, position in state.positions.items() if position.net_qty != "0"}
    asked = symbol_of(state, command)
    if asked is not None:
        symbols.add(asked)
    symbols.update(_conversions(state, command, asked, controls))
    return symbols


def symbol_of(state: AccountState, command: AnyCommand) -> str | None:
    """The symbol that a command is about: its own, else its order's; None where it is about the account."""
    order_id = getattr(command, "order_id", None)
    symbol: str | None = getattr(command, "symbol", None)
    order = state.order(order_id) if order_id is not None and symbol is None else None
    return order.symbol if order else symbol


def _currencies_of(command: AnyCommand) -> Iterator[str]:
    if isinstance(command, Deposit):
        yield command.currency
    elif isinstance(command, VenueFilled) and command.fee_currency is not None:
        yield command.fee_currency
    elif isinstance(command, Reconcile):
        yield from (fill.fee_currency for fill in command.fills if fill.fee_currency is not None)


def _conversions(state: AccountState, command: AnyCommand, symbol: str | None, controls: Controls) -> Iterator[str]:
    currencies = set(state.account.balances) if state.account else set()
    currencies.update(_currencies_of(command))
    currencies.update(state.reserved)
    currencies.update(position.currency for position in state.positions.values())
    rules = controls.instruments.get(symbol) if symbol is not None else None
    if rules is not None:
        currencies.add(rules.currency)
    for currency in currencies:
        step = currency
        for _ in range(_LONGEST_CHAIN):
            conversion = controls.conversions.get(step) if step != state.currency else None
            if conversion is None:
                break
            yield conversion.symbol
            step = conversion.into
