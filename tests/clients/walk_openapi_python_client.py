"""The main paths with the client that openapi-python-client made of the contract, as its README says to use it.

Signatures are an `httpx.Auth`, given through `httpx_args`.
"""

from http import HTTPStatus
from secrets import token_hex
from typing import Any

import httpx
from omniaxs_external_api_client import AuthenticatedClient, Client
from omniaxs_external_api_client.api.access import (
    get_access_application,
    list_access_applications,
    list_access_bindings,
    submit_access_application,
)
from omniaxs_external_api_client.api.account import get_account_overview, get_positions
from omniaxs_external_api_client.api.admin import (
    admin_approve_access_application,
    admin_get_provisioning_job,
    admin_list_access_applications,
    admin_list_users,
    admin_observability_summary,
    admin_reject_access_application,
)
from omniaxs_external_api_client.api.identity import (
    create_user_api_key,
    get_user_profile,
    list_user_api_keys,
    login_admin,
    login_user,
    refresh_user_token,
    register_user,
    revoke_user_api_key,
    verify_admin_login_otp,
    verify_user_email,
    verify_user_login_otp,
)
from omniaxs_external_api_client.api.market import get_bars, get_calendar, get_quotes, list_markets
from omniaxs_external_api_client.api.public import submit_waitlist
from omniaxs_external_api_client.api.system import get_system_status
from omniaxs_external_api_client.api.trading import (
    amend_order,
    cancel_orders,
    list_orders,
    place_batch_orders,
    place_order,
)
from omniaxs_external_api_client.errors import UnexpectedStatus
from omniaxs_external_api_client.models import (
    AccessApplicationCreateRequest,
    AdminApproveRequest,
    AdminApproveRequestProvisionPolicy,
    AdminLoginOtpVerifyRequest,
    AdminLoginRequest,
    AdminRejectRequest,
    AmendOrderRequest,
    BatchOrderRequest,
    ErrorResponse,
    GetBarsTimeframe,
    ListMarketsAssetClass,
    ListOrdersStatus,
    UserApiKeyCreateRequest,
    UserLoginOtpVerifyRequest,
    UserLoginRequest,
    UserRefreshRequest,
    UserRegisterRequest,
    UserVerifyEmailRequest,
    WaitlistRequest,
)
from walking import COIN, HUB, IN_OUR_STEAD, PASSWORD, SCOPES, Key, code_mailed_to, eventually, report

ROLE = "super_admin"
SIGNED = {"x_pm_timestamp": IN_OUR_STEAD, "x_pm_signature": IN_OUR_STEAD}
REPORTED = {
    "event_hooks": {"response": [lambda got: report(got.request.method, str(got.request.url), got.status_code)]}
}


class Signature(httpx.Auth):
    """Signs each request as it is."""

    requires_request_body = True

    def __init__(self, key: Key) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Any:
        named = request.headers.get("Idempotency-Key", "")
        request.headers.update(self._key.headers(request.method, str(request.url), named, request.content))
        yield request


def anyone() -> Client:
    return Client(HUB["http"], httpx_args=REPORTED, raise_on_unexpected_status=True)


def bearer(token: str) -> AuthenticatedClient:
    return AuthenticatedClient(HUB["http"], token, httpx_args=REPORTED, raise_on_unexpected_status=True)


def data(answer: Any) -> Any:
    """The data of an answer that is what the contract promises for 200."""
    assert answer.status_code == HTTPStatus.OK, answer.content
    assert answer.parsed is not None
    return answer.parsed.data


def error(answer: Any, status: int) -> Any:
    """The error of an answer whose status the contract lists."""
    assert answer.status_code == status, answer.content
    assert isinstance(answer.parsed, ErrorResponse)
    return answer.parsed.error


def person() -> tuple[str, AuthenticatedClient]:
    """A user's way in, with what goes wrong on it."""
    client, email = anyone(), f"ada.{token_hex(4)}@example.com"
    plain = {"display_name": "Ada", "company_name": "Engines", "country_region": "GB"}
    weak = register_user.sync_detailed(client=client, body=UserRegisterRequest(email, "password1", **plain))
    assert error(weak, 422).details["fields"][0]["name"] == "password"
    with code_mailed_to(email) as code:
        asked = UserRegisterRequest(email, PASSWORD, **plain)
        assert data(register_user.sync_detailed(client=client, body=asked))["email"] == email
    assert error(register_user.sync_detailed(client=client, body=asked), 409).code == "user.email_taken"
    early = login_user.sync_detailed(client=client, body=UserLoginRequest(email, PASSWORD))
    assert error(early, 403).code == "auth.email_not_verified"
    wrong = verify_user_email.sync_detailed(client=client, body=UserVerifyEmailRequest(email, "999999x"))
    assert error(wrong, 422).retryable is False
    data(verify_user_email.sync_detailed(client=client, body=UserVerifyEmailRequest(email, code())))
    refused = login_user.sync_detailed(client=client, body=UserLoginRequest(email, "something else"))
    assert error(refused, 401).code == "auth.credentials_invalid"
    with code_mailed_to(email) as code:
        begun = data(login_user.sync_detailed(client=client, body=UserLoginRequest(email, PASSWORD)))
    answered = UserLoginOtpVerifyRequest(email, begun["challenge_id"], code())
    opened = data(verify_user_login_otp.sync_detailed(client=client, body=answered))
    again = data(refresh_user_token.sync_detailed(client=client, body=UserRefreshRequest(opened["refresh_token"])))
    nobody = refresh_user_token.sync_detailed(client=client, body=UserRefreshRequest("x" * 43))
    assert error(nobody, 401).code.startswith("auth.")
    return email, bearer(again["access_token"])


def key_of(user: AuthenticatedClient, email: str) -> Key:
    """The profile, and the keys."""
    assert data(get_user_profile.sync_detailed(client=user))["email"] == email
    assert error(get_user_profile.sync_detailed(client=bearer("none")), 401).code == "auth.token_invalid"
    made = data(_key_made(user, UserApiKeyCreateRequest(label="trading", scopes=SCOPES)))
    spare = data(_key_made(user, UserApiKeyCreateRequest()))
    assert error(_key_made(user, UserApiKeyCreateRequest(scopes=["everything"])), 422).code == "request.invalid"
    assert len(data(list_user_api_keys.sync_detailed(client=user))["items"]) == 2
    gone = revoke_user_api_key.sync_detailed(spare["key_id"], client=user, idempotency_key=token_hex(8))
    assert data(gone)["status"] == "revoked"
    missing = revoke_user_api_key.sync_detailed("pmk_none", client=user, idempotency_key=token_hex(8))
    assert error(missing, 404).code == "api_key.not_found"
    return Key(made["key_id"], made["api_secret"])


def _key_made(user: AuthenticatedClient, body: UserApiKeyCreateRequest) -> Any:
    return create_user_api_key.sync_detailed(client=user, body=body, idempotency_key=token_hex(8))


def super_admin() -> AuthenticatedClient:
    client, email = anyone(), HUB["admin_email"]
    with code_mailed_to(email) as code:
        body = AdminLoginRequest(email, HUB["admin_password"])
        begun = data(login_admin.sync_detailed(client=client, body=body))
    answered = AdminLoginOtpVerifyRequest(email, begun["challenge_id"], code(), ROLE)
    opened = data(verify_admin_login_otp.sync_detailed(client=client, body=answered))
    admin = bearer(opened["access_token"])
    assert data(admin_list_users.sync_detailed(client=admin, x_pm_role=ROLE, status="active"))["items"]
    assert data(admin_observability_summary.sync_detailed(client=admin, x_pm_role=ROLE))["runtime"]["processes"]
    return admin


def applied(signed: Client, *exchanges: str) -> Any:
    body = AccessApplicationCreateRequest("desk@example.com", ["crypto"], list(exchanges), notes="soon")
    return submit_access_application.sync_detailed(client=signed, body=body, idempotency_key=token_hex(8), **SIGNED)


def unlisted_status_of(unwanted: str, admin: AuthenticatedClient, approval: AdminApproveRequest) -> int | None:
    """A status that the contract does not list for an operation reaches the caller as this client's own exception."""
    try:
        admin_approve_access_application.sync_detailed(unwanted, client=admin, body=approval, x_pm_role=ROLE)
    except UnexpectedStatus as unlisted:
        return unlisted.status_code
    return None


def provisioned(signed: Client, admin: AuthenticatedClient) -> None:
    """One application is rejected, another one leads to a binding."""
    unknown = applied(signed, "XMOON")
    assert error(unknown, 422).details["fields"][0]["name"] == "target_exchanges"
    unwanted, wanted = (data(applied(signed, "BINANCE")).application_id for _ in range(2))
    body = AdminRejectRequest("licence.missing", reject_message="The licence is missing.")
    rejected = admin_reject_access_application.sync_detailed(unwanted, client=admin, body=body, x_pm_role=ROLE)
    assert data(rejected).status == "rejected"
    policy = AdminApproveRequestProvisionPolicy(auto_bind=True, fallback_enabled=True)
    approval = AdminApproveRequest(review_note="known", provision_policy=policy)
    assert unlisted_status_of(unwanted, admin, approval) == HTTPStatus.CONFLICT
    approved = admin_approve_access_application.sync_detailed(wanted, client=admin, body=approval, x_pm_role=ROLE)
    job_id = data(approved).provisioning_job_id

    def over() -> Any:
        job = data(admin_get_provisioning_job.sync_detailed(job_id, client=admin, x_pm_role=ROLE))
        return job if job.finished_at else None

    assert eventually(over, "the end of the job").status == "succeeded"
    shown = data(get_access_application.sync_detailed(wanted, client=signed, **SIGNED))
    assert (shown.status, shown.bindings[0].binding_status) == ("active", "active")
    missing = get_access_application.sync_detailed("app_none", client=signed, **SIGNED)
    assert error(missing, 404).code == "application.not_found"
    listed = data(list_access_applications.sync_detailed(client=signed, page_size=1, **SIGNED))
    assert listed.items[0].application_id == wanted
    rest = data(list_access_applications.sync_detailed(client=signed, page_token=listed.next_page_token, **SIGNED))
    assert [one.application_id for one in rest.items] == [unwanted]
    assert data(list_access_bindings.sync_detailed(client=signed, **SIGNED)).items[0].exchange_code == "BINANCE"
    of_all = admin_list_access_applications.sync_detailed(client=admin, x_pm_role=ROLE, status="active")
    assert wanted in {one.application_id for one in data(of_all).items}


def markets(signed: Client) -> None:
    assert data(get_system_status.sync_detailed(client=signed, **SIGNED)).components
    crypto = ListMarketsAssetClass.CRYPTO
    listed = data(list_markets.sync_detailed(client=signed, asset_class=crypto, page_size=500, **SIGNED))
    assert COIN in {one.symbol for one in listed.items}
    [quote] = data(get_quotes.sync_detailed(client=signed, symbols=COIN, depth=5, **SIGNED)).quotes
    assert (float(quote.ask) > float(quote.bid), quote.ts.tzinfo is not None) == (True, True)

    def bars() -> Any:
        of_minute = get_bars.sync_detailed(client=signed, symbol=COIN, timeframe=GetBarsTimeframe.VALUE_0, **SIGNED)
        return data(of_minute).bars

    assert float(eventually(bars, "bars")[-1].v) > 0
    assert data(get_calendar.sync_detailed(client=signed, **SIGNED)).sessions
    stranger = Client(HUB["http"], httpx_args={**REPORTED, "auth": Signature(Key("pmk_none", "none"))})
    refused = get_quotes.sync_detailed(client=stranger, symbols=COIN, **SIGNED)
    assert error(refused, 401).code == "auth.signature_invalid"


def traded(signed: Client) -> None:
    """Placed, amended, listed, cancelled; filled; a position and an account."""
    resting = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "0.01", "price": "1000"}

    def ordered(body: Any, key: str) -> Any:
        return place_order.sync_detailed(client=signed, body=body, idempotency_key=key, **SIGNED)

    def placed(body: Any) -> Any:
        """Key and order; gateways hear of a new account a moment after it is open."""
        key = token_hex(8)
        answer = ordered(body, key)
        return (key, data(answer)) if answer.status_code == HTTPStatus.OK else None

    key, order = eventually(lambda: placed(resting), "an order")
    assert data(ordered(resting, key)).order_id == order.order_id
    assert error(ordered({**resting, "quantity": "0.02"}, key), 409).code == "idempotency.mismatch"
    amended = amend_order.sync_detailed(
        order.order_id, client=signed, body=AmendOrderRequest(quantity="0.005"), idempotency_key=token_hex(8), **SIGNED
    )
    assert data(amended).quantity == "0.005"
    missing = amend_order.sync_detailed(
        "ord_none", client=signed, body=AmendOrderRequest(price="1"), idempotency_key=token_hex(8), **SIGNED
    )
    assert error(missing, 404).code == "order.not_found"
    batch = BatchOrderRequest([resting, {**resting, "quantity": "0"}])
    results = place_batch_orders.sync_detailed(client=signed, body=batch, idempotency_key=token_hex(8), **SIGNED)
    assert [one.ok for one in data(results).results] == [True, False]

    def listed() -> bool:
        found = list_orders.sync_detailed(client=signed, status=ListOrdersStatus.NEW, symbol=COIN, **SIGNED)
        return order.order_id in {one.order_id for one in data(found).items}

    eventually(listed, "the order in the list")
    selector = {"order_ids": [order.order_id, "ord_none"]}
    canceled = data(cancel_orders.sync_detailed(client=signed, body=selector, idempotency_key=token_hex(8), **SIGNED))
    assert [(one.order_id, one.error_code) for one in canceled.failed] == [("ord_none", "order.not_found")]
    bought = {"symbol": COIN, "side": "buy", "type": "market", "quantity": "0.01"}
    eventually(lambda: placed(bought), "a fill")

    def held() -> Any:
        return data(get_positions.sync_detailed(client=signed, symbol=COIN, **SIGNED)).items

    assert float(eventually(held, "a position")[0].net_qty) > 0
    account = data(get_account_overview.sync_detailed(client=signed, **SIGNED))
    assert float(account.equity) > 0


def waitlist() -> None:
    lead = submit_waitlist.sync_detailed(client=anyone(), body=WaitlistRequest("ada@example.com", "GB", consent=True))
    assert data(lead).lead_id.startswith("ld_")
    without = submit_waitlist.sync_detailed(client=anyone(), body=WaitlistRequest("a@example.com", "GB", consent=False))
    assert error(without, 422).code == "waitlist.consent_required"
    blocked = submit_waitlist.sync_detailed(client=anyone(), body=WaitlistRequest("a@example.com", "KP", consent=True))
    assert error(blocked, 403).code == "waitlist.geo_blocked"


def walk() -> None:
    waitlist()
    email, user = person()
    sent = {**REPORTED, "auth": Signature(key_of(user, email))}
    signed = Client(HUB["http"], httpx_args=sent, raise_on_unexpected_status=True)
    markets(signed)
    provisioned(signed, super_admin())
    traded(signed)


if __name__ == "__main__":
    walk()
