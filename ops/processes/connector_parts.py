"""The services of connectors over a platform's log and store: what a platform begins with, availability, credentials."""

from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from storage.controls.availability import Availabilities
from storage.credentials import CredentialVault
from storage.models.connectors import default_catalog
from storage.mongo.connector_checks import ConnectorChecks
from storage.mongo.connectors import Connectors
from workers.connectors.asking import HealthAsking
from workers.connectors.health import ConnectorHealth


def availabilities_of(platform: Platform) -> Availabilities:
    """Says whether connectors are up."""
    return Availabilities(announcer_of(platform), platform.clock)


def vault_of(platform: Platform) -> CredentialVault:
    """Keeps the credentials of exchanges."""
    return CredentialVault(platform.store.database, platform.key_ring, platform.clock)


def health_of_connectors(platform: Platform) -> ConnectorHealth:
    """Asks connectors how they are."""
    database = platform.store.database
    return ConnectorHealth(
        Connectors(database),
        availabilities_of(platform),
        HealthAsking(platform.log, ConnectorChecks(database), platform.identifiers),
        clock=platform.clock,
        metrics=platform.metrics,
    )


async def begin_connectors(platform: Platform) -> list[str]:
    """What every platform has, made where it is not there yet: the default connectors, and keys that credentials are
    encrypted to. What was made, in words.
    """
    connectors = await Connectors(platform.store.database).insert_missing(default_catalog(platform.clock.now()))
    keys = await vault_of(platform).make_first_keys()
    return [*(f"connector {connector}" for connector in connectors), *(f"key {kid}" for kid in keys)]
