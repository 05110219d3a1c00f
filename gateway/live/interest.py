"""What one topic of one client listens to: router keys and partitions. Pure."""

from collections.abc import Container, Iterable
from typing import Final

from gateway.live.frames import PART, Address, Frame, part_route
from gateway.live.router import Route
from gateway.live.sources import account_route
from gateway.live.subscriptions import Subscription
from gateway.live.topics import Family, Topic
from storage.topics import BARS, ORDER_EVENTS, PLATFORM_KEY, QUOTE_STATES, QUOTES, RISK_SIGNALS, TRADES, Topics

LOG_TOPICS: Final[dict[Family, tuple[str, ...]]] = {
    "quotes": (QUOTES, QUOTE_STATES),
    "trades": (TRADES,),
    "bars": (BARS,),
    "orders": (ORDER_EVENTS,),
    "risk": (RISK_SIGNALS,),
}


def route_keys(topic: Topic, account: str | None) -> frozenset[str]:
    """The router keys of a topic. Platform signals reach every `risk.*`; orders are those of the own account alone."""
    if topic.family == "orders":
        if account is None:
            return frozenset()
        route = account_route("orders", account)
        return frozenset((route if topic.symbol is None else part_route(route, topic.symbol),))
    if topic.family == "risk":
        accounts = [PLATFORM_KEY.decode(), *([account] if account else [])]
        return frozenset(account_route("risk", name) for name in accounts)
    return frozenset((topic.name,))


def routes(subscriptions: Iterable[Subscription], account: str | None) -> frozenset[Route]:
    """The routes of all live subscriptions of a client. A wildcard covers its symbols, so that nothing comes twice."""
    live = [subscription for subscription in subscriptions if subscription.live]
    wildcards = {subscription.topic.name for subscription in live if subscription.topic.symbol is None}
    found: set[Route] = set()
    for subscription in live:
        topic = subscription.topic
        if topic.symbol is not None and topic.wildcard in wildcards:
            continue
        conflate_ms = subscription.conflate_ms if topic.conflatable else 0
        found.update(Route(key, conflate_ms) for key in route_keys(topic, account))
    return frozenset(found)


def matches(address: Address, keys: frozenset[str]) -> bool:
    """Whether all frames of `address` reach who listens to `keys`."""
    return address.route in keys or address.wildcard in keys


def divided(keys: Iterable[str]) -> frozenset[str]:
    """The routes of which some of the router keys are parts."""
    return frozenset(key.partition(PART)[0] for key in keys if PART in key)


def keys_reached(frame: Frame, keys: Container[str], divided_routes: Container[str]) -> list[str]:
    """Those of the router keys to which `frame` goes; some may be for parts of its address alone (`divided`)."""
    address = frame.address
    found = [key for key in (address.route, address.wildcard) if key is not None and key in keys]
    if address.parts is not None and address.route in divided_routes:
        found += [key for part in frame.parts if (key := part_route(address.route, part)) in keys]
    return found


def partitions(topic: Topic, account: str | None, log_topic: str, topics: Topics) -> list[int]:
    """The partitions of `log_topic` that can hold records of a client's topic."""
    if topic.family in {"orders", "risk"}:
        keys = [PLATFORM_KEY] if topic.family == "risk" else []
        if account is not None:
            keys.append(account.encode())
        return sorted({topics.partition(log_topic, key) for key in keys})
    if topic.symbol is None:
        return list(range(topics[log_topic].partitions))
    return [topics.partition(log_topic, topic.symbol.encode())]
