"""Keeps a serving process's reference data at what is stored: looks at its version twice a second."""

import asyncio
import logging

from ops.processes.platform import Platform
from storage.mongo.connect import StoreUnavailable
from storage.mongo.reference import load_reference, reference_version
from storage.reference import ReferenceData

_log = logging.getLogger(__name__)
INTERVAL_SECONDS = 0.5


class ReferenceWatch:
    """Call it for the reference data of the moment. Construct it by `opened`."""

    def __init__(self, platform: Platform, reference: ReferenceData, version: str | None) -> None:
        self._platform, self._reference, self._version = platform, reference, version

    @classmethod
    async def opened(cls, platform: Platform) -> "ReferenceWatch":
        """With what is stored now (empty before the first `omniaxs markets load`)."""
        version = await reference_version(platform.store.database)
        return cls(platform, await load_reference(platform.store.database), version)

    def __call__(self) -> ReferenceData:
        return self._reference

    async def run(self) -> None:
        """Look until cancelled. While the store is away, or a set is met half-way through being stored (a `ValueError`: an
        instrument without its calendar), that is logged and the data stays as it was.
        """
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            try:
                await self._look()
            except (StoreUnavailable, ValueError) as error:
                _log.warning("reference data not looked at: %s", error)

    async def _look(self) -> None:
        version = await reference_version(self._platform.store.database)
        if version != self._version:
            self._reference = await load_reference(self._platform.store.database)
            self._version = version
            _log.info("reference data loaded: %d instruments", len(self._reference.instruments))
