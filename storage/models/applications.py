"""Access applications: what a tenant asks to trade, what an admin ruled about it, and what has come of it. Pure.

Times are nanoseconds since the epoch. An application only moves as `MOVES` says, and out of `approved` it is rejected only
while its job has failed; each move raises its `version` by one.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from ops.runtime.errors import HubError
from storage.models.instruments import AssetClass
from storage.models.mails import Mail
from storage.models.people import PreferredLanguage
from storage.models.read_models import Cursor

ApplicationStatus = Literal["submitted", "reviewing", "approved", "rejected", "provisioning", "active"]
APPLICATION_STATUSES: Final[tuple[ApplicationStatus, ...]] = (
    "submitted", "reviewing", "approved", "rejected", "provisioning", "active",
)  # fmt: skip
MOVES: Final[Mapping[ApplicationStatus, frozenset[ApplicationStatus]]] = {
    "submitted": frozenset({"reviewing"}),
    "reviewing": frozenset({"approved", "rejected"}),
    "approved": frozenset({"provisioning", "rejected"}),
    "rejected": frozenset(),
    "provisioning": frozenset({"active", "approved"}),
    "active": frozenset(),
}
_NO_FAILURE: Final = {"failure_code": None, "failure_message": None, "failure_details": None}
_APPLICATION: Final = "app_"
_JOB: Final = "job_"


class ProvisionPolicy(BaseModel):
    """How an approved application is provisioned. Exchanges are bound in the order of `priority_exchanges`, then as they
    were asked for; `fallback_enabled`: through another connector of the same exchange when the first is down.
    """

    model_config = ConfigDict(frozen=True)

    auto_bind: bool = True
    fallback_enabled: bool = True
    priority_exchanges: tuple[str, ...] = ()


class Application(BaseModel):
    """One application. `contact_email` is normalised; `expected_monthly_volume` is a decimal string.

    `policy` and `provisioning_job_id` are set with the approval, in one write. While the application is `approved` again since
    its job failed, `failure_code` (of the catalogue, its message filled by `failure_details`) and `failure_message` say why.
    `mail` tells the contact how it ended (storage/models/application_mails.py); it comes with the last move, as sending
    changes it without a new `version`.
    """

    model_config = ConfigDict(frozen=True)

    application_id: str
    tenant_id: str
    contact_email: str
    target_markets: tuple[AssetClass, ...]
    target_exchanges: tuple[str, ...]
    expected_monthly_volume: str | None = None
    notes: str | None = None
    preferred_language: PreferredLanguage = "en-US"
    status: ApplicationStatus = "submitted"
    review_note: str | None = None
    reject_reason_code: str | None = None
    reject_message: str | None = None
    reviewed_by: str | None = None
    policy: ProvisionPolicy = ProvisionPolicy()
    provisioning_job_id: str | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    failure_details: dict[str, Any] | None = None
    mail: Mail | None = None
    submitted_at: int
    updated_at: int
    fence: int = 0
    version: int = 1


class ApplicationFilters(NamedTuple):
    """Which applications; None takes all. `market` is an asset class."""

    tenant_id: str | None = None
    status: ApplicationStatus | None = None
    exchange_code: str | None = None
    market: str | None = None


def moved(application: Application, to: ApplicationStatus, now: int, **changes: Any) -> Application:
    """The application in its next state, with whatever else changes by that, ready to replace the one before. What failed
    before is told no longer, unless it is among the changes.

    Raises `application.wrong_state` for a move that is not in `MOVES`, and for the rejection of what is approved and has not
    failed.
    """
    is_taken_back = (application.status, to) == ("approved", "rejected")
    if to not in MOVES[application.status] or (is_taken_back and application.failure_code is None):
        raise wrong_state(application, to)
    return changed(application, now, status=to, **{**_NO_FAILURE, **changes})


def changed(application: Application, now: int, **changes: Any) -> Application:
    """The application with some fields changed, ready to replace the one before."""
    update = {**changes, "updated_at": now, "version": application.version + 1}
    return application.model_copy(update=update)


def wrong_state(application: Application, wanted: ApplicationStatus) -> HubError:
    """The refusal of what cannot be done to an application as it stands."""
    details = {"application_id": application.application_id, "status": application.status, "wanted": wanted}
    return HubError("application.wrong_state", details)


def job_id_of(application_id: str) -> str:
    """The id of the one job that provisions an application."""
    return _JOB + application_id.removeprefix(_APPLICATION)


def cursor_of(application: Application) -> Cursor:
    """The cursor of a page of applications that ends with `application`."""
    return Cursor(application.submitted_at, application.application_id)
