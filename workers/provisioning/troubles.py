"""What keeps a step from being done: what passes is told apart from what does not."""

from collections.abc import Mapping
from typing import Any, Final

from ops.runtime.errors import CATALOGUE, HubError
from storage.controls.access_rights import Contended
from storage.log.port import AppendUnknown, LogUnavailable
from storage.models.provisioning import Trouble

_AWAY: Final = "system.unavailable"


class ClaimLost(Exception):
    """Somebody else works on the job now; what is done under this claim comes to nothing."""


class Away(Exception):
    """A part of the platform does not answer. It is waited for without end."""

    def __init__(self, component: str, reason: str) -> None:
        super().__init__(f"{component}: {reason}")
        self.component = component


class NotNow(Exception):
    """Whoever we depend on says no, which may pass; a few tries later it is final. `code` is of the catalogue."""

    def __init__(self, code: str, details: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.code, self.details = code, details


KNOWN: Final = (Away, NotNow, HubError, LogUnavailable, AppendUnknown, Contended)
"""What a step may raise beside `ClaimLost` and `StoreUnavailable`; a `HubError` is final."""


def trouble_of(error: Exception) -> Trouble:
    """What the saga is told of one of `KNOWN`."""
    match error:
        case HubError():
            return _trouble("final", error.code, error.details or {})
        case NotNow():
            return _trouble("theirs", error.code, error.details)
        case Away():
            return _trouble("ours", _AWAY, {"component": error.component})
        case Contended():
            return _trouble("ours", _AWAY, {"component": "database"})
        case _:
            return _trouble("ours", _AWAY, {"component": "log"})


def _trouble(kind: Any, code: str, details: Mapping[str, Any]) -> Trouble:
    return Trouble(kind, code, _filled(CATALOGUE[code].message, details), details)


def _filled(message: str, details: Mapping[str, Any]) -> str:
    for name, value in details.items():
        message = message.replace("{" + name + "}", str(value))
    return message
