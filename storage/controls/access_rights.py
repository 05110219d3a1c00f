"""The right of a tenant to trade an exchange, in both forms: the binding that people see, and the control that decisions obey.

The binding is written first, guarded; the control then follows it by compare-and-set, so that whoever was held up in between
can never leave a control that the binding does not say.
"""

from typing import Protocol

from ops.runtime.clock import Clock
from storage.controls.announce import Announcer
from storage.models.access_bindings import AccessBinding, BindingStatus, binding_changed
from storage.models.controls import Binding, identity_of
from storage.mongo.controls import StoredControl
from storage.mongo.failures import REPLACE_TRIES


class BindingStore(Protocol):
    """`storage.mongo.access_bindings.AccessBindings`."""

    async def insert(self, binding: AccessBinding) -> bool: ...
    async def get(self, tenant_id: str, exchange_code: str) -> AccessBinding | None: ...
    async def replace(self, binding: AccessBinding) -> bool: ...


class Superseded(Exception):
    """A later claim has written already what this one was to write."""


class Contended(Exception):
    """Others kept changing the same document."""


class AccessRights:
    """Sets bindings. Its methods raise `StoreUnavailable`, and `LogUnavailable` or `AppendUnknown` where what is stored is not
    announced yet; all may be called again.
    """

    def __init__(self, bindings: BindingStore, announcer: Announcer, clock: Clock) -> None:
        self._bindings, self._announcer, self._clock = bindings, announcer, clock

    async def of(self, tenant_id: str, exchange_code: str) -> tuple[AccessBinding | None, Binding | None]:
        """What people are shown of a right, and what decisions obey."""
        binding = await self._bindings.get(tenant_id, exchange_code)
        control = await self._control(tenant_id, exchange_code)
        return binding, None if control is None else _binding(control)

    async def set(self, wanted: AccessBinding) -> None:
        """Make the binding say the connector, status and origin of `wanted`, and the control say the same.

        Raises `Superseded` when a claim above `wanted.fence` has written it, and `Contended`.
        """
        await self._write(wanted)
        await self._follow(wanted.tenant_id, wanted.exchange_code)

    async def _write(self, wanted: AccessBinding) -> None:
        for _ in range(REPLACE_TRIES):
            found = await self._bindings.get(wanted.tenant_id, wanted.exchange_code)
            if found is None:
                if await self._bindings.insert(wanted):
                    return
                continue
            if found.fence > wanted.fence:
                raise Superseded(found.binding_id)
            if _said(found) == _said(wanted) or await self._bindings.replace(_after(found, wanted, self._clock.now())):
                return
        raise Contended(wanted.binding_id)

    async def _follow(self, tenant_id: str, exchange_code: str) -> None:
        for _ in range(REPLACE_TRIES):
            control = await self._control(tenant_id, exchange_code)
            binding = await self._bindings.get(tenant_id, exchange_code)
            if binding is None:
                raise Contended(f"the binding {tenant_id}/{exchange_code} is gone")
            wanted = Binding(tenant_id, exchange_code, binding.connector, binding.status)
            if control is None or control.document != wanted:
                seen = 0 if control is None else control.revision
                control = await self._announcer.documents.put_after(seen, wanted, self._clock.now())
            if control is not None:
                if control.pending:
                    await self._announcer.announce([control])
                return
        raise Contended(f"the control of {tenant_id}/{exchange_code}")

    async def _control(self, tenant_id: str, exchange_code: str) -> StoredControl | None:
        return await self._announcer.documents.get(identity_of(Binding(tenant_id, exchange_code, "", "pending")))


def _binding(control: StoredControl) -> Binding | None:
    return control.document if isinstance(control.document, Binding) else None


def _said(binding: AccessBinding) -> tuple[str, BindingStatus, str, int]:
    return binding.connector, binding.status, binding.job_id, binding.fence


def _after(found: AccessBinding, wanted: AccessBinding, now: int) -> AccessBinding:
    """`activated_at` is when the present right began, whoever tells it again."""
    told_before = (found.status, found.connector, found.job_id) == (wanted.status, wanted.connector, wanted.job_id)
    activated_at = found.activated_at if told_before else wanted.activated_at
    return binding_changed(
        found,
        now,
        connector=wanted.connector,
        status=wanted.status,
        application_id=wanted.application_id,
        job_id=wanted.job_id,
        fence=wanted.fence,
        activated_at=activated_at,
    )
