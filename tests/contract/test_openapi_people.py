"""What the served document says of people's and admins' operations, those that are not built yet too."""

import re

import pytest
from openapi_schema_validator import OAS30Validator

from gateway.http.contract import load_additions, load_contract
from gateway.http.openapi import build_document

CONTRACT = load_contract()
ADDED = {
    operation["operationId"]: (method.upper(), path)
    for path, methods in load_additions()["paths"].items()
    for method, operation in methods.items()
    if "operationId" in operation
}
DOCUMENT = build_document(CONTRACT, load_additions())
OF_PEOPLE = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if operation["operationId"] != "adminReceiveAlertmanager"  # a machine, with a token of its own
    and path.startswith(("/public/v1/auth", "/public/v1/admin", "/public/v1/waitlist", "/v1/user", "/internal/v1"))
}
WITH_TOKEN = {name: found for name, found in OF_PEOPLE.items() if found[2]["security"]}
OPEN = {name: found for name, found in OF_PEOPLE.items() if not found[2]["security"]}
PROMISED = {
    "logoutUser": ("POST", "/v1/user/logout"),
    "logoutAllUser": ("POST", "/v1/user/logout-all"),
    "listUserSessions": ("GET", "/v1/user/sessions"),
    "endUserSession": ("DELETE", "/v1/user/sessions/{session_id}"),
    "changeUserPassword": ("POST", "/v1/user/password"),
    "forgotPassword": ("POST", "/public/v1/auth/password/forgot"),
    "resetPassword": ("POST", "/public/v1/auth/password/reset"),
    "beginTotp": ("POST", "/v1/user/totp"),
    "confirmTotp": ("POST", "/v1/user/totp/confirm"),
    "disableTotp": ("DELETE", "/v1/user/totp"),
    "listInvitations": ("GET", "/v1/user/invitations"),
    "createInvitation": ("POST", "/v1/user/invitations"),
    "acceptInvitation": ("POST", "/public/v1/auth/invitations/accept"),
    "refreshAdminToken": ("POST", "/public/v1/admin/auth/refresh"),
    "logoutAdmin": ("POST", "/internal/v1/admin/auth/logout"),
    "adminListAdmins": ("GET", "/internal/v1/admin/admins"),
    "adminUpdateAdmin": ("PATCH", "/internal/v1/admin/admins/{admin_id}"),
    "adminListHalts": ("GET", "/internal/v1/admin/trading-halts"),
    "adminSetHalt": ("POST", "/internal/v1/admin/trading-halts"),
    "adminLiftHalt": ("DELETE", "/internal/v1/admin/trading-halts/{halt_id}"),
    "adminDeposit": ("POST", "/internal/v1/admin/accounts/{account_id}/deposits"),
    "adminSetLimits": ("PUT", "/internal/v1/admin/accounts/{account_id}/limits"),
    "adminListProvisioningJobs": ("GET", "/internal/v1/admin/provisioning/jobs"),
    "adminRetryProvisioningJob": ("POST", "/internal/v1/admin/provisioning/jobs/{job_id}/retry"),
    "getPlatformKeys": ("GET", "/public/v1/keys"),
}


def parameters(operation: dict) -> dict[str, dict]:
    """The parameters by name, references followed."""
    found = {}
    for parameter in operation.get("parameters", ()):
        named = DOCUMENT["components"]["parameters"].get(parameter.get("$ref", "").rpartition("/")[2], parameter)
        found[named["name"]] = named
    return found


def body_of(operation: dict) -> dict | None:
    """The schema of the body, references followed."""
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


def test_the_added_operations_stand_where_they_were_promised():
    assert {name: ADDED.get(name) for name in PROMISED} == PROMISED


@pytest.mark.parametrize("name", WITH_TOKEN)
def test_a_token_opens_it_and_nothing_else(name):
    _method, path, operation = WITH_TOKEN[name]
    scheme = "AdminBearerAuth" if path.startswith("/internal") else "UserBearerAuth"
    assert operation["security"] == [{scheme: []}]
    assert operation["responses"].keys() >= {"200", "401", "403", "422", "429", "500", "503"}
    named = parameters(operation)
    assert named.keys().isdisjoint({"X-PM-TIMESTAMP", "X-PM-SIGNATURE", "X-PM-RECV-WINDOW"})
    assert ("X-PM-ROLE" in named) == (scheme == "AdminBearerAuth")
    if "X-PM-ROLE" in named:
        assert named["X-PM-ROLE"]["required"]
        assert named["X-PM-ROLE"]["schema"]["enum"] == ["super_admin", "ops_admin", "compliance_admin"]


def test_every_built_write_with_a_token_takes_an_idempotency_key():
    for name in {"createUserApiKey", "revokeUserApiKey", "adminUpdateUserStatus"} | PROMISED.keys() & WITH_TOKEN.keys():
        method, _, operation = WITH_TOKEN[name]
        writes = method != "get"
        assert ("Idempotency-Key" in parameters(operation)) == writes, name
        statuses = {
            status for status, answer in operation["responses"].items() if "Idempotency-Replayed" in answer["headers"]
        }
        assert statuses == ({"200", "403", "404", "409"} & operation["responses"].keys() if writes else set()), name
        assert operation["responses"].keys().isdisjoint({"408", "413", "415"}) != writes
    assert parameters(WITH_TOKEN["adminDeposit"][2])["Idempotency-Key"]["required"]


@pytest.mark.parametrize("name", OPEN)
def test_anyone_may_write_and_nobody_needs_a_key(name):
    method, _, operation = OPEN[name]
    assert method == "post"
    assert "Idempotency-Key" not in parameters(operation)
    assert operation["responses"].keys() >= {"200", "408", "413", "415", "422", "429", "500", "503"}


@pytest.mark.parametrize("name", sorted(PROMISED.keys() & OF_PEOPLE.keys()) + sorted(OPEN))
def test_bodies_name_all_their_fields(name):
    body = body_of(OF_PEOPLE[name][2])
    if body is not None:
        assert body["additionalProperties"] is False


def test_no_body_has_a_field_that_only_the_platform_sets():
    for name, (_, _, operation) in OF_PEOPLE.items():
        fields = (body_of(operation) or {}).get("properties", {}).keys()
        assert fields.isdisjoint({"user_id", "admin_id", "tenant_id", "account_ids", "tenant_role", "created_at"}), name
        assert "status" not in fields or "admin" in name.lower() or "Connector" in name, name
        assert "role" not in fields or "Admin" in name or "admin" in name, name


@pytest.mark.parametrize(
    "name", [*sorted(PROMISED.keys() - {"getPlatformKeys"}), "getUserProfile", "adminListUsers", "loginUser"]
)
def test_data_is_typed(name):
    answer = OF_PEOPLE[name][2]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    envelope = DOCUMENT["components"]["schemas"][answer]
    assert set(envelope["required"]) == {"success", "data", "trace_id"}
    data = DOCUMENT["components"]["schemas"][envelope["properties"]["data"]["$ref"].rpartition("/")[2]]
    assert data.get("required") or data.get("allOf")


def test_the_role_is_one_of_three_and_codes_have_six_digits():
    role = DOCUMENT["components"]["parameters"]["XPmRole"]["schema"]
    assert role["enum"] == ["super_admin", "ops_admin", "compliance_admin"]
    code = DOCUMENT["components"]["schemas"]["OneTimeCode"]
    assert OAS30Validator(code).is_valid("012345")
    assert not any(OAS30Validator(code).is_valid(other) for other in ("12345", "1234567", "12345a", 123456))


def test_descriptions_of_admin_operations_say_for_whom_they_are():
    for name in PROMISED.keys() & WITH_TOKEN.keys() | {
        "adminListUsers",
        "adminUpdateUserStatus",
        "adminListAuditEvents",
    }:
        _, path, operation = WITH_TOKEN[name]
        if path.startswith("/internal"):
            assert re.match(r"For (every role|super_admin)", operation["description"]), name
