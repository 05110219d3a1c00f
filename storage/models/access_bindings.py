"""Access bindings: how far a tenant's right to trade an exchange has come. Pure. Times are nanoseconds since the epoch.

What decisions obey is the control of the same tenant and venue (storage/models/controls.py `Binding`); this is what people are
shown of it, and what provisioning keeps its progress in.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

BindingStatus = Literal["pending", "active", "failed", "suspended"]


class AccessBinding(BaseModel):
    """The binding of one tenant to one exchange. `application_id` and `job_id` name who set it last; `version` grows with
    each write. `fence` is the number of the job's claim that wrote last (storage/models/provisioning.py).
    """

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    exchange_code: str
    connector: str
    status: BindingStatus = "pending"
    application_id: str
    job_id: str
    activated_at: int | None = None
    updated_at: int
    fence: int = 0
    version: int = 1

    @property
    def binding_id(self) -> str:
        """Tenant and exchange: a tenant has one binding for each exchange."""
        return binding_id_of(self.tenant_id, self.exchange_code)


def binding_id_of(tenant_id: str, exchange_code: str) -> str:
    """The id of the binding of a tenant to an exchange."""
    return f"{tenant_id}/{exchange_code}"


def binding_changed(binding: AccessBinding, now: int, **changes: Any) -> AccessBinding:
    """The binding with some fields changed, ready to replace the one before."""
    return binding.model_copy(update={**changes, "updated_at": now, "version": binding.version + 1})
