"""The main paths with the Python client that openapi-generator made of the contract, as its README says to use it.

Signatures are written by the connection pool of its REST client, which sees the bytes as they go out.
"""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import urllib3
from original_contract import (
    AccessApi,
    AccessApplicationCreateRequest,
    AccountApi,
    AdminApi,
    AdminApproveRequest,
    AdminApproveRequestProvisionPolicy,
    AdminLoginOtpVerifyRequest,
    AdminLoginRequest,
    AdminRejectRequest,
    AmendOrderRequest,
    ApiClient,
    BatchOrderRequest,
    CancelOrderRequest,
    Configuration,
    IdentityApi,
    MarketApi,
    PlaceOrderRequest,
    PublicApi,
    SystemApi,
    TradingApi,
    UserApiKeyCreateRequest,
    UserLoginOtpVerifyRequest,
    UserLoginRequest,
    UserRefreshRequest,
    UserRegisterRequest,
    UserVerifyEmailRequest,
    WaitlistRequest,
)
from original_contract.exceptions import ApiException
from walking import COIN, HUB, IN_OUR_STEAD, PASSWORD, SCOPES, Key, code_mailed_to, eventually, report

ROLE = "super_admin"
SIGNED = {"x_pm_timestamp": IN_OUR_STEAD, "x_pm_signature": IN_OUR_STEAD}


class Pool(urllib3.PoolManager):
    """Connections that sign with `key`, if there is one, and report what was answered."""

    def __init__(self, key: Key | None) -> None:
        super().__init__()
        self._key = key

    def urlopen(self, method: str, url: str, redirect: bool = True, **sent: Any) -> Any:
        headers, body = dict(sent.pop("headers", {})), sent.get("body") or b""
        raw = body.encode() if isinstance(body, str) else body
        if self._key is not None:
            headers |= self._key.headers(method, url, headers.get("Idempotency-Key", ""), raw)
        answer = super().urlopen(method, url, redirect, headers=headers, **sent)
        report(method, url, answer.status)
        return answer


def client(token: str | None = None, key: Key | None = None) -> ApiClient:
    made = ApiClient(Configuration(host=HUB["http"], access_token=token))
    made.rest_client.pool_manager = Pool(key)
    return made


def error(status: int, call: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """The error of a call that fails with a status that the contract lists for it."""
    refused = refusal(status, call, *given, **named)
    assert refused.data is not None, refused
    return refused.data.error


def refusal(status: int, call: Callable[..., Any], *given: Any, **named: Any) -> ApiException:
    """What a call that fails raises."""
    try:
        call(*given, **named)
    except ApiException as refused:
        if refused.status != status:
            raise
        return refused
    raise AssertionError(f"{call.__name__} was not refused with {status}")


def person() -> tuple[str, IdentityApi]:
    """A user's way in, with what goes wrong on it."""
    door, email = IdentityApi(client()), f"ada.{token_hex(4)}@example.com"
    plain = {"email": email, "display_name": "Ada", "company_name": "Engines", "country_region": "GB"}
    weak = error(422, door.register_user, UserRegisterRequest(password="password1", **plain))
    assert weak.details["fields"][0]["name"] == "password"
    with code_mailed_to(email) as code:
        asked = UserRegisterRequest(password=PASSWORD, **plain)
        assert door.register_user(asked).data["email"] == email
    assert error(409, door.register_user, asked).code == "user.email_taken"
    login = UserLoginRequest(email=email, password=PASSWORD)
    assert error(403, door.login_user, login).code == "auth.email_not_verified"
    wrong = UserVerifyEmailRequest(email=email, verification_code="999999x")
    assert error(422, door.verify_user_email, wrong).retryable is False
    door.verify_user_email(UserVerifyEmailRequest(email=email, verification_code=code()))
    other = UserLoginRequest(email=email, password="something else")
    assert error(401, door.login_user, other).code == "auth.credentials_invalid"
    with code_mailed_to(email) as code:
        begun = door.login_user(login).data
    answered = UserLoginOtpVerifyRequest(email=email, challenge_id=begun["challenge_id"], otp_code=code())
    opened = door.verify_user_login_otp(answered).data
    again = door.refresh_user_token(UserRefreshRequest(refresh_token=opened["refresh_token"])).data
    assert error(401, door.refresh_user_token, UserRefreshRequest(refresh_token="x" * 43)).code.startswith("auth.")
    return email, IdentityApi(client(again["access_token"]))


def key_of(user: IdentityApi, email: str) -> Key:
    """The profile, and the keys."""
    assert user.get_user_profile().data["email"] == email
    assert error(401, IdentityApi(client("none")).get_user_profile).code == "auth.token_invalid"
    made = user.create_user_api_key(token_hex(8), UserApiKeyCreateRequest(label="trading", scopes=SCOPES)).data
    spare = user.create_user_api_key(token_hex(8), UserApiKeyCreateRequest()).data
    everything = UserApiKeyCreateRequest(scopes=["everything"])
    assert error(422, user.create_user_api_key, token_hex(8), everything).code == "request.invalid"
    assert len(user.list_user_api_keys().data["items"]) == 2
    assert user.revoke_user_api_key(token_hex(8), spare["key_id"]).data["status"] == "revoked"
    assert error(404, user.revoke_user_api_key, token_hex(8), "pmk_none").code == "api_key.not_found"
    return Key(made["key_id"], made["api_secret"])


def super_admin() -> AdminApi:
    door, email = IdentityApi(client()), HUB["admin_email"]
    with code_mailed_to(email) as code:
        begun = door.login_admin(AdminLoginRequest(email=email, password=HUB["admin_password"])).data
    answered = {"email": email, "role": ROLE, "challenge_id": begun["challenge_id"], "otp_code": code()}
    opened = door.verify_admin_login_otp(AdminLoginOtpVerifyRequest(**answered)).data
    admin = AdminApi(client(opened["access_token"]))
    assert admin.admin_list_users(ROLE, status="active").data["items"]
    assert admin.admin_observability_summary(ROLE).data["runtime"]["processes"]
    return admin


def provisioned(access: AccessApi, admin: AdminApi) -> None:
    """One application is rejected, another one leads to a binding."""

    def asked(*exchanges: str) -> dict[str, Any]:
        body = AccessApplicationCreateRequest(
            contact_email="desk@example.com", target_markets=["crypto"], target_exchanges=list(exchanges), notes="soon"
        )
        return {**SIGNED, "idempotency_key": token_hex(8), "access_application_create_request": body}

    unknown = error(422, access.submit_access_application, **asked("XMOON"))
    assert unknown.details["fields"][0]["name"] == "target_exchanges"
    unwanted, wanted = (access.submit_access_application(**asked("BINANCE")).data.application_id for _ in range(2))
    body = AdminRejectRequest(reject_reason_code="licence.missing", reject_message="The licence is missing.")
    assert admin.admin_reject_access_application(ROLE, unwanted, body).data.status == "rejected"
    policy = AdminApproveRequestProvisionPolicy(auto_bind=True, fallback_enabled=True)
    approval = AdminApproveRequest(review_note="known", provision_policy=policy)
    unlisted = refusal(409, admin.admin_approve_access_application, ROLE, unwanted, approval)
    assert "application.wrong_state" in unlisted.body
    job_id = admin.admin_approve_access_application(ROLE, wanted, approval).data.provisioning_job_id

    def over() -> Any:
        job = admin.admin_get_provisioning_job(ROLE, job_id).data
        return job if job.finished_at else None

    assert eventually(over, "the end of the job").status == "succeeded"
    shown = access.get_access_application(application_id=wanted, **SIGNED).data
    assert (shown.status, shown.bindings[0].binding_status) == ("active", "active")
    missing = error(404, access.get_access_application, application_id="app_none", **SIGNED)
    assert missing.code == "application.not_found"
    listed = access.list_access_applications(page_size=1, **SIGNED).data
    rest = access.list_access_applications(page_token=listed.next_page_token, **SIGNED).data
    assert [one.application_id for one in listed.items + rest.items] == [wanted, unwanted]
    assert access.list_access_bindings(**SIGNED).data.items[0].exchange_code == "BINANCE"
    of_all = admin.admin_list_access_applications(ROLE, status="active").data.items
    assert wanted in {one.application_id for one in of_all}


def markets(signed: ApiClient) -> None:
    market = MarketApi(signed)
    assert SystemApi(signed).get_system_status(**SIGNED).data.components
    listed = market.list_markets(asset_class="crypto", page_size=500, **SIGNED).data.items
    assert COIN in {one.symbol for one in listed}
    [quote] = market.get_quotes(symbols=COIN, depth=5, **SIGNED).data.quotes
    assert (float(quote.ask) > float(quote.bid), quote.ts.tzinfo is not None) == (True, True)
    bars = eventually(lambda: market.get_bars(symbol=COIN, timeframe="1m", **SIGNED).data.bars, "bars")
    assert float(bars[-1].v) > 0
    assert market.get_calendar(**SIGNED).data.sessions
    stranger = MarketApi(client(key=Key("pmk_none", "none")))
    assert error(401, stranger.get_quotes, symbols=COIN, **SIGNED).code == "auth.signature_invalid"


def traded(signed: ApiClient) -> None:
    """Placed, amended, listed, cancelled; filled; a position and an account."""
    trading, account = TradingApi(signed), AccountApi(signed)
    coin = {"symbol": COIN, "side": "buy"}
    resting = PlaceOrderRequest(type="limit", quantity="0.01", price="1000", **coin)

    def placed(order: PlaceOrderRequest) -> Any:
        """Key and order; gateways hear of a new account a moment after it is open."""
        same = {**SIGNED, "idempotency_key": token_hex(8)}
        try:
            return same, trading.place_order(place_order_request=order, **same).data
        except ApiException as refused:
            if refused.status not in {409, 503}:
                raise
            return None

    same, order = eventually(lambda: placed(resting), "an order")
    assert trading.place_order(place_order_request=resting, **same).data == order
    other = PlaceOrderRequest(type="limit", quantity="0.02", price="1000", **coin)
    assert error(409, trading.place_order, place_order_request=other, **same).code == "idempotency.mismatch"
    less = {**SIGNED, "idempotency_key": token_hex(8), "amend_order_request": AmendOrderRequest(quantity="0.005")}
    assert trading.amend_order(order_id=order.order_id, **less).data.quantity == "0.005"
    less["idempotency_key"] = token_hex(8)
    assert error(404, trading.amend_order, order_id="ord_none", **less).code == "order.not_found"
    batch = BatchOrderRequest(orders=[resting, resting.model_copy(update={"quantity": "0"})])
    done = trading.place_batch_orders(idempotency_key=token_hex(8), batch_order_request=batch, **SIGNED).data
    assert [one.ok for one in done.results] == [True, False]

    def listed() -> bool:
        found = trading.list_orders(status="new", symbol=COIN, **SIGNED).data.items
        return order.order_id in {one.order_id for one in found}

    eventually(listed, "the order in the list")
    selector = CancelOrderRequest(order_ids=[order.order_id, "ord_none"])
    gone = trading.cancel_orders(idempotency_key=token_hex(8), cancel_order_request=selector, **SIGNED).data
    assert [(one.order_id, one.error_code) for one in gone.failed] == [("ord_none", "order.not_found")]
    bought = PlaceOrderRequest(type="market", quantity="0.01", **coin)
    eventually(lambda: placed(bought), "a fill")
    held = eventually(lambda: account.get_positions(symbol=COIN, **SIGNED).data.items, "a position")
    assert float(held[0].net_qty) > 0
    assert float(account.get_account_overview(**SIGNED).data.equity) > 0


def waitlist() -> None:
    public, lead = PublicApi(client()), {"work_email": "ada@example.com", "country_region": "GB", "consent": True}
    assert public.submit_waitlist(WaitlistRequest(**lead)).data.lead_id.startswith("ld_")
    without = error(422, public.submit_waitlist, WaitlistRequest(**lead | {"consent": False}))
    assert without.code == "waitlist.consent_required"
    blocked = error(403, public.submit_waitlist, WaitlistRequest(**lead | {"country_region": "KP"}))
    assert blocked.code == "waitlist.geo_blocked"


def walk() -> None:
    waitlist()
    email, user = person()
    signed = client(key=key_of(user, email))
    markets(signed)
    provisioned(AccessApi(signed), super_admin())
    traded(signed)


if __name__ == "__main__":
    walk()
