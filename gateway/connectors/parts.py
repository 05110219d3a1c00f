"""What routes about connectors are made of, for whoever builds the gateway."""

from dataclasses import dataclass

from storage.controls.availability import Availabilities
from storage.credentials import CredentialVault
from storage.mongo.connectors import Connectors


@dataclass(frozen=True, slots=True)
class ConnectorParts:
    """The catalog, who says whether a connector is up, and the vault of credentials."""

    catalog: Connectors
    availabilities: Availabilities
    vault: CredentialVault
