"""Whose address a request comes from, behind a known number of proxies. Pure."""

from ipaddress import IPv6Address, ip_address, ip_network


def client_address(peer: str, forwarded_for: str | None, trusted_hops: int) -> str:
    """The address that the outermost trusted proxy saw; `peer` (the socket's) without trusted proxies.

    `forwarded_for` is the joined `X-Forwarded-For`. Each trusted proxy has appended the address that it saw, so the
    entry `trusted_hops` from the right is real and everything left of it is the client's own claim. A list that is
    too short, or an entry that is no address, gives `peer`.
    """
    if trusted_hops == 0 or not forwarded_for:
        return peer
    entries = [entry.strip() for entry in forwarded_for.split(",")]
    if len(entries) < trusted_hops:
        return peer
    try:
        return str(ip_address(entries[-trusted_hops]))
    except ValueError:
        return peer


def rate_identity(address: str) -> str:
    """What limits by address count by: an IPv4 address, or the /64 that one IPv6 subscriber holds."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return address
