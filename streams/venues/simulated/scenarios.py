"""What a customer can make the simulated venue do, by a client order id `sim:NAME[:ARG]:UNIQUE`.

| name | what the venue does |
| --- | --- |
| reject | rejects the order |
| partial:N | fills N lots (1 to 100), each a fill, then nothing more: what remains stays open, or is canceled if it may not |
| slow:MS | acts at once, but every report comes MS milliseconds late |
| timeout-then-accept | no answer (`unknown`); a second later it turns out to be accepted, with what has filled since |
| timeout-then-reject | no answer (`unknown`); a second later it turns out to be rejected |
| duplicate-fill | every fill is reported twice: same `fill_id`, another report id |
| cancel-race | does not fill until it is canceled; then the fill was faster and the cancel is rejected |
| late-fill | does not fill until it is canceled (at once for IOC, FOK and market); half a second later a fill of all of it comes |
| disconnect | the connection is lost as the order is sent (`unknown`); two seconds later open orders and fills are reconciled |
"""

from typing import Final, NamedTuple

PREFIX: Final = "sim:"
LONGEST_MS: Final = 600_000
MOST_LOTS: Final = 100
_WITH_ARGUMENT: Final = frozenset({"partial", "slow"})
NAMES: Final = frozenset(
    {
        "reject",
        "timeout-then-accept",
        "timeout-then-reject",
        "duplicate-fill",
        "cancel-race",
        "late-fill",
        "disconnect",
        *_WITH_ARGUMENT,
    }
)


class Scenario(NamedTuple):
    """A scenario and its argument (lots, or milliseconds); the name "" is none."""

    name: str
    argument: int = 0


NONE: Final = Scenario("")


def scenario_of(client_order_id: str | None) -> Scenario | None:
    """The scenario that an id asks for; None for one that is not well-formed, so that a typing error is not traded."""
    if client_order_id is None or not client_order_id.startswith(PREFIX):
        return NONE
    name, _, rest = client_order_id[len(PREFIX) :].partition(":")
    if name not in NAMES or not rest:
        return None
    if name not in _WITH_ARGUMENT:
        return Scenario(name)
    argument, _, unique = rest.partition(":")
    if not (argument.isascii() and argument.isdigit() and unique) or not _fits(name, int(argument[:9])):
        return None
    return Scenario(name, int(argument[:9]))


def _fits(name: str, argument: int) -> bool:
    return 1 <= argument <= MOST_LOTS if name == "partial" else argument <= LONGEST_MS
