"""Applications, bindings and the progress of provisioning as they are shown, with labels and messages in a language. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from ops.runtime.errors import CATALOGUE, HubError
from ops.runtime.languages import Language, Languages
from ops.runtime.timestamps import format_timestamp
from storage.models.access_bindings import AccessBinding
from storage.models.applications import Application, ApplicationStatus
from storage.models.provisioning import ProvisioningJob

Values = dict[str, Any]
_RESULTS: Final[dict[ApplicationStatus, str]] = {
    "approved": "approved",
    "provisioning": "approved",
    "active": "approved",
    "rejected": "rejected",
}
_AS_THEY_ARE: Final = (
    "application_id", "tenant_id", "status", "contact_email", "target_markets", "target_exchanges", "expected_monthly_volume",
    "preferred_language", "notes", "review_note", "reject_reason_code", "reject_message", "provisioning_job_id",
)  # fmt: skip


class AccessViews:
    """Shows them in any of the three languages."""

    def __init__(self, languages: Languages) -> None:
        self._languages = languages

    def application(
        self, application: Application, bindings: Iterable[AccessBinding], language: Language
    ) -> dict[str, Any]:
        """An application, as its tenant may see it."""
        return {
            **{name: getattr(application, name) for name in _AS_THEY_ARE},
            "status_label": self._languages.label(f"label.application.{application.status}", language),
            "review_result": _RESULTS.get(application.status),
            "failure": self._failure(
                application.failure_code, application.failure_details, application.failure_message, language
            ),
            "bindings": [self.binding(binding, language) for binding in bindings],
            "submitted_at": format_timestamp(application.submitted_at),
            "updated_at": format_timestamp(application.updated_at),
        }

    def for_admins(
        self, application: Application, bindings: Iterable[AccessBinding], language: Language
    ) -> dict[str, Any]:
        """The same, with who reviewed it and how it is to be provisioned."""
        return {
            **self.application(application, bindings, language),
            "reviewed_by": application.reviewed_by,
            "provision_policy": None if application.provisioning_job_id is None else application.policy.model_dump(),
        }

    def binding(self, binding: AccessBinding, language: Language) -> dict[str, Any]:
        """A binding."""
        activated_at = binding.activated_at
        return {
            "exchange_code": binding.exchange_code,
            "connector": binding.connector,
            "binding_status": binding.status,
            "status_label": self._languages.label(f"label.binding.{binding.status}", language),
            "application_id": binding.application_id,
            "activated_at": None if activated_at is None else format_timestamp(activated_at),
            "updated_at": format_timestamp(binding.updated_at),
        }

    def progress(self, job: ProvisioningJob | None, language: Language) -> dict[str, Any] | None:
        """How far the provisioning has come; None before there is a job."""
        if job is None:
            return None
        return {
            "job_id": job.job_id,
            "status": job.status,
            "current_step": job.current_step,
            "attempt": job.attempt,
            "steps": [{"name": step.name, "status": step.status} for step in job.steps],
            "error": self._failure(job.error_code, job.error_details, job.error_message, language),
        }

    def _failure(
        self, code: str | None, details: dict[str, Any] | None, said: str | None, language: Language
    ) -> dict[str, Any] | None:
        return None if code is None else {"code": code, "message": self.failure_message(code, details, said, language)}

    def failure_message(self, code: str, details: dict[str, Any] | None, said: str | None, language: Language) -> str:
        """`said` in English is what is left of a code that another version had."""
        return self._languages.error(HubError(code, details), language) if code in CATALOGUE else said or code
