"""schemathesis over a real socket: on the served document every check, on the contract no unplanned server error.

The operations of people have a file of their own (test_schemathesis_people.py).
"""

from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import HealthCheck, settings
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import positive_data_acceptance, response_schema_conformance

from gateway import people
from gateway.app import BUILT
from gateway.http.contract import load_additions, load_contract
from gateway.http.openapi import build_document

CONTRACT = load_contract()
DOCUMENT = build_document(CONTRACT, load_additions())
WITHOUT_PEOPLE = BUILT - people.BUILT
PLANNED = {"order.outcome_unknown", "connector.unavailable"}
BEYOND_SCHEMAS = {"contact_email", "target_exchanges"}
"""Fields whose form no schema tells in full: addresses, and which exchanges there are."""
SEEDED = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)

served = schemathesis.openapi.from_dict(DOCUMENT).include(operation_id=sorted(WITHOUT_PEOPLE))
promised = schemathesis.openapi.from_dict(CONTRACT).exclude(operation_id=sorted(people.BUILT))


class Signed(AuthBase):
    """Signs a request exactly as it is about to be sent."""

    def __init__(self, gateway) -> None:
        self._gateway = gateway

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        target = urlsplit(request.url)
        body = request.body or b""
        signed = self._gateway.signed_headers(
            request.method,
            target.path,
            target.query,
            body=body.encode() if isinstance(body, str) else body,
            idempotency_key=_text(request.headers.get("Idempotency-Key", "")),
        )
        request.headers.update(signed)
        return request


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _credentials(case, gateway) -> Signed | None:
    """None where the headers are what is tried: signing would repair them."""
    spoilt = case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)
    return None if spoilt else Signed(gateway)


@served.parametrize()
@settings(SEEDED, max_examples=40)
def test_served_document_passes_every_check(case, served_gateway):
    address, gateway, _ = served_gateway
    sent = {"base_url": address, "auth": _credentials(case, gateway)}
    response = case.call(**sent)
    excluded = [not_a_server_error] if _is_planned(response) else []
    excluded += [positive_data_acceptance] if _is_beyond_schemas(response) else []
    case.validate_response(response, excluded_checks=excluded, transport_kwargs=sent)


@promised.parametrize()
@settings(SEEDED, max_examples=25)
def test_contract_sees_no_server_error(case, served_gateway):
    address, gateway, _ = served_gateway
    response = case.call(base_url=address, auth=_credentials(case, gateway))
    if not _is_planned(response):
        case.validate_response(response, checks=[not_a_server_error])
    _follows_what_the_contract_lists(case, response)


def _is_planned(response) -> bool:
    """Whether it is one of the two 503 that clients of orders must know."""
    return response.status_code == 503 and response.json()["error"]["code"] in PLANNED


def _is_beyond_schemas(response) -> bool:
    """Whether a body was refused for what no schema can tell."""
    if response.status_code != 422:
        return False
    fields = (response.json()["error"]["details"] or {}).get("fields", [])
    named = {field["name"] for field in fields}
    return bool(named) and named <= BEYOND_SCHEMAS


def _follows_what_the_contract_lists(case, response) -> None:
    if case.operation.responses.find_by_status_code(response.status_code):
        case.validate_response(response, checks=[response_schema_conformance])
