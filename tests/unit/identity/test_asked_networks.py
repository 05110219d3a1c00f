"""The networks of a new API key: what is kept can be compared with an address, and is as short as one."""

import pytest

from gateway.identity.own.api_key_shape import read_asked_key
from ops.runtime.errors import HubError


@pytest.mark.parametrize("network", ["203.0.113.7", "203.0.113.0/24", "2001:db8::/32", "::1"])
def test_an_address_or_a_network_is_kept_as_it_was_sent(network: str) -> None:
    assert read_asked_key({"ip_allowlist": [network, network]}).ip_allowlist == (network,)


@pytest.mark.parametrize(
    "network", ["", "10.0.0.1/8", "example.com", "fe80::1%eth0", "fe80::1%\n" + "x" * 5_000, 7, None]
)
def test_what_is_neither_is_refused(network: object) -> None:
    """A zone is known to the machine that has it alone, and would be text of any length."""
    with pytest.raises(HubError) as refused:
        read_asked_key({"ip_allowlist": [network]})
    assert refused.value.code == "request.invalid"
    assert [field["name"] for field in (refused.value.details or {})["fields"]] == ["ip_allowlist"]
