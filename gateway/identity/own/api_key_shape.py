"""The body of a new API key, read field by field. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, Final

from gateway.http.fields import BodyReader
from storage.models.tenants import ALL_SCOPES, DEFAULT_SCOPES, Scope

DEFAULT_LABEL: Final = "default"
MOST_DAYS: Final = 3_650
MOST_NETWORKS: Final = 64
_SCOPES: Final = "at least one of " + ", ".join(ALL_SCOPES)
_NETWORKS: Final = f"at most {MOST_NETWORKS} addresses or networks, e.g. 203.0.113.7, 203.0.113.0/24 or 2001:db8::/32"


@dataclass(frozen=True, slots=True)
class AskedKey:
    """What is asked for. No `ip_allowlist`: any address; `expires_in_days` None: never."""

    label: str
    scopes: tuple[Scope, ...]
    expires_in_days: int | None
    ip_allowlist: tuple[str, ...]


def read_asked_key(body: Mapping[str, Any]) -> AskedKey:
    """Raises `request.invalid`, naming every bad field."""
    reader = BodyReader(body)
    asked = AskedKey(
        label=reader.text("label") or DEFAULT_LABEL,
        scopes=_scopes(reader),
        expires_in_days=reader.whole("expires_in_days", 1, MOST_DAYS, required=False, nullable=True),
        ip_allowlist=_networks(reader),
    )
    reader.finish()
    return asked


def _scopes(reader: BodyReader) -> tuple[Scope, ...]:
    """Each once and in our order; the reading ones where none are named."""
    asked = reader.array("scopes")
    if asked is None:
        return DEFAULT_SCOPES
    unknown = [str(scope)[:32] for scope in asked if scope not in ALL_SCOPES]
    if unknown:
        reader.refuse("scopes", f"no such scope: {', '.join(unknown[:8])}", _SCOPES)
    elif not asked:
        reader.refuse("scopes", "empty", _SCOPES)
    return tuple(scope for scope in ALL_SCOPES if scope in asked)


def _networks(reader: BodyReader) -> tuple[str, ...]:
    """Each as it was sent, once."""
    asked = reader.array("ip_allowlist") or []
    if len(asked) > MOST_NETWORKS:
        reader.refuse("ip_allowlist", "too many", _NETWORKS)
        return ()
    for entry in asked:
        problem = _problem_of_network(entry)
        if problem:
            reader.refuse("ip_allowlist", problem, _NETWORKS)
            return ()
    return tuple(dict.fromkeys(asked))


def _problem_of_network(entry: object) -> str | None:
    if not isinstance(entry, str):
        return "not a string"
    try:
        network = ip_network(entry)
    except ValueError:
        return f"not an address or network: {entry[:64]}"
    if getattr(network.network_address, "scope_id", None) is not None:
        return "an address with a zone, which is another on each machine"
    return None
