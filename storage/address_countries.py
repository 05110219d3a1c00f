"""Which country an address is in, by a MaxMind DB file that lies here: no service is asked about anybody."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import maxminddb
from maxminddb import InvalidDatabaseError, Reader


class AddressCountries:
    """An open database. Knows the two usual forms of records: `country_code`, and `country.iso_code`."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def code_of(self, address: str) -> str | None:
        """The ISO 3166-1 alpha-2 code; None for an address that is in no country (private, unassigned) or no address."""
        parsed = _parsed(address)
        if parsed is None or (parsed.version == 6 and self._reader.metadata().ip_version == 4):
            return None
        record = self._reader.get(str(parsed))
        return _code_in(record)

    def close(self) -> None:
        """Give back the file."""
        self._reader.close()

    def described(self) -> str:
        """The database's own name and the number of its networks' nodes."""
        metadata = self._reader.metadata()
        return f"{metadata.database_type}, {metadata.node_count} nodes"


def open_address_countries(path: Path) -> AddressCountries:
    """Open a database. Raises `ValueError`, naming the file and what is wrong with it."""
    try:
        return AddressCountries(maxminddb.open_database(path))
    except OSError as error:
        raise ValueError(f"the country database {path} cannot be used: {error.strerror or error}") from error
    except InvalidDatabaseError as error:
        raise ValueError(f"the country database {path} cannot be used: it is no MaxMind DB file") from error


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """An IPv4 address that comes as an IPv6 one (`::ffff:192.0.2.1`) is that IPv4 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def _code_in(record: object) -> str | None:
    if not isinstance(record, dict):
        return None
    country = record.get("country")
    code = country.get("iso_code") if isinstance(country, dict) else record.get("country_code")
    return code.upper() if isinstance(code, str) and code else None
