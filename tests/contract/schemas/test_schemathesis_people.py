"""schemathesis on the operations of people: every check on the served document, as a logged-in user and as a super_admin.

Every operation by default, with every third of the cases that its schema is covered by; `FAULTS=all` tries all of them.
"""

import itertools
import os

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import positive_data_acceptance, response_schema_conformance

from gateway import people
from gateway.http.contract import load_additions, load_contract, operations_of
from gateway.http.openapi import build_document
from tests.contract.conftest import ALERTMANAGER_TOKEN
from tests.contract.people import Town
from tests.contract.schemas.schemathesis_callers import Callers

CONTRACT = load_contract()
DOCUMENT = build_document(CONTRACT, load_additions())
IN_CONTRACT = {operation.operation_id for operation in operations_of(CONTRACT)}
SEEDED = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
ALL = os.environ.get("FAULTS") == "all"
COVERED = itertools.count()
PLANNED = {"order.outcome_unknown"}
NOT_BY_SHAPE = {
    "auth.code_invalid", "auth.challenge_ended", "auth.password_wrong", "invitation.invalid", "waitlist.consent_required",
    "waitlist.unknown_country",
}  # fmt: skip
"""Refusals with 422 (the contract wants that) of what no schema can tell: a code, a token, a password, a country."""
BEYOND_SCHEMAS = {
    "email", "work_email", "password", "new_password", "ip_allowlist", "target", "display_name", "company_name",
    "provision_policy.priority_exchanges", "connector_id",
}  # fmt: skip
"""Fields whose form no schema tells in full: addresses, passwords that anybody would guess, networks, what is halted, names in
which nothing can be seen, what was applied for, the id of a path.
"""

served = schemathesis.openapi.from_dict(DOCUMENT).include(operation_id=sorted(people.BUILT))
promised = schemathesis.openapi.from_dict(CONTRACT).include(operation_id=sorted(people.BUILT & IN_CONTRACT))

promised.config.phases.coverage.enabled = False  # the served document has tried those cases


@pytest.fixture(scope="module")
def callers(served_gateway):
    return Callers(Town(served_gateway.gateway), served_gateway.loop)


def audience_of(case):
    """Whose token opens it; None for what is open to anyone."""
    schemes = {name for scheme in case.operation.definition.raw.get("security", ()) for name in scheme}
    return "admin" if "AdminBearerAuth" in schemes else "user" if "UserBearerAuth" in schemes else None


def headers_for(case, callers):
    """A token, but where headers are what is tried."""
    if case.operation.definition.raw.get("security") == [{"AlertmanagerToken": []}]:
        return {"Authorization": f"Bearer {ALERTMANAGER_TOKEN}"}
    audience = audience_of(case)
    spoilt = case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)
    return {} if audience is None or spoilt else callers.headers(audience)


def is_left_out(case):
    """Whether it is one of the covering cases that are not tried by default."""
    return not ALL and case.meta is not None and case.meta.phase.name is TestPhase.COVERAGE and next(COVERED) % 3 != 0


def aim(case, callers):
    """Every other id is one that there is."""
    spoilt = case.meta is not None and case.meta.is_negative_at(ParameterLocation.PATH)
    for name, value in list((case.path_parameters or {}).items()):
        if not spoilt and len(str(value)) % 2:
            case.path_parameters[name] = callers.ids[name]


def is_planned(response):
    """Whether a server error is one that clients must know."""
    return response.status_code == 503 and response.json()["error"]["code"] in PLANNED


def is_beyond_schemas(response):
    """Whether it is refused for what no schema says."""
    if response.status_code != 422:
        return False
    error = response.json()["error"]
    named = {field["name"] for field in (error["details"] or {}).get("fields", ())}
    return error["code"] in NOT_BY_SHAPE or (bool(named) and named <= BEYOND_SCHEMAS)


@served.parametrize()
@settings(SEEDED, max_examples=20 if ALL else 8)
def test_served_document_passes_every_check(case, served_gateway, callers):
    if is_left_out(case):
        return
    aim(case, callers)
    sent = {"base_url": served_gateway.address, "headers": headers_for(case, callers)}
    response = case.call(**sent)
    excluded = [not_a_server_error] if is_planned(response) else []
    excluded += [positive_data_acceptance] if is_beyond_schemas(response) else []
    case.validate_response(response, excluded_checks=excluded, transport_kwargs=sent)


@promised.parametrize()
@settings(SEEDED, max_examples=10 if ALL else 5)
def test_contract_sees_no_server_error(case, served_gateway, callers):
    aim(case, callers)
    response = case.call(base_url=served_gateway.address, headers=headers_for(case, callers))
    if not is_planned(response):
        case.validate_response(response, checks=[not_a_server_error])
    if case.operation.responses.find_by_status_code(response.status_code):
        case.validate_response(response, checks=[response_schema_conformance])
