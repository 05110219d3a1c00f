"""The closed catalogue of error codes, and the one exception that carries them.

Domain code raises `HubError(code, details)`; only the edge knows HTTP statuses and languages. English messages stand
here, the other languages in `ops/runtime/locale/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One code of the catalogue. `message` may name details in braces; `help` says what a caller can do about it."""

    code: str
    status: int
    retryable: bool
    message: str
    help: str


class HubError(Exception):
    """A refusal with a catalogued code. `details` goes to the caller as it is and fills the message's braces."""

    def __init__(
        self, code: str, details: Mapping[str, Any] | None = None, *, retry_after: float | None = None
    ) -> None:
        self.kind = CATALOGUE[code]
        self.details = dict(details) if details else None
        self.retry_after = retry_after
        super().__init__(code)

    @property
    def code(self) -> str:
        """The stable code, e.g. `auth.signature_invalid`."""
        return self.kind.code


# fmt: off
_KINDS: Final[tuple[ErrorKind, ...]] = (
    ErrorKind("system.internal", 500, True, "Something went wrong on our side.", "Retry; if it stays, send us the trace id."),
    ErrorKind("system.unavailable", 503, True, "The service cannot answer at the moment.", "Retry after a moment."),
    ErrorKind("route.not_found", 404, False, "There is no such route.", "GET /openapi.json lists the routes."),
    ErrorKind("route.method_not_allowed", 405, False, "This route does not take that method.", "See the Allow header."),
    ErrorKind("route.upgrade_required", 426, False, "This route speaks WebSocket only.", "Connect with a WebSocket client."),
    ErrorKind("request.invalid", 422, False, "The request is not valid.", "details.fields names each field, why, and what is expected."),
    ErrorKind("request.malformed", 422, False, "The body is not valid JSON.", "Send one JSON object in UTF-8 without duplicate keys."),
    ErrorKind("request.too_large", 413, False, "The request is too large.", "details.limit_bytes is the most that is taken."),
    ErrorKind("request.media_type", 415, False, "The body must be application/json.", "Set Content-Type: application/json."),
    ErrorKind("request.timeout", 408, True, "The request did not arrive in time.", "Send the body without pauses."),
    ErrorKind("idempotency.key_required", 422, False, "The Idempotency-Key header is required.", "Send 8 to 72 characters, new for each write."),
    ErrorKind("idempotency.mismatch", 409, False, "This Idempotency-Key was used with another request.", "Send a new key, or the request as it was."),
    ErrorKind("idempotency.in_progress", 409, True, "The request with this Idempotency-Key is still running.", "Send the same request again after a moment."),
    ErrorKind("page_token.not_found", 404, False, "This page token is not one of ours, or belongs to another list.", "Use next_page_token as it was given, with the same filters."),
    ErrorKind("read.behind", 409, True, "The read model has not reached the seq that was asked for.", "Read again after a moment; details has as_of_seq and min_seq."),
    ErrorKind("auth.credentials_missing", 401, False, "Authentication headers are missing.", "Send X-PM-API-KEY, X-PM-TIMESTAMP and X-PM-SIGNATURE."),
    ErrorKind("auth.signature_invalid", 401, False, "The API key or the signature is not valid.", "See docs/signing.md and `omniaxs sign`."),
    ErrorKind("auth.timestamp_outside_window", 401, False, "The timestamp is outside the accepted window.", "Send the present time in ms; GET /public/v1/time tells ours."),
    ErrorKind("auth.timestamp_invalid", 401, False, "The timestamp is not a number of milliseconds.", "Send Unix time in ms as digits."),
    ErrorKind("auth.key_revoked", 401, False, "This API key was revoked.", "Make a new key."),
    ErrorKind("auth.key_expired", 401, False, "This API key has expired.", "Make a new key."),
    ErrorKind("auth.tenant_suspended", 403, False, "This tenant is suspended.", "Ask support."),
    ErrorKind("auth.ip_not_allowed", 403, False, "This address is not on the key's allow-list.", "Call from a listed address or change the key."),
    ErrorKind("auth.scope_missing", 403, False, "The API key lacks the scope {scope}.", "Make a key with that scope."),
    ErrorKind("auth.token_missing", 401, False, "The bearer token is missing.", "Send Authorization: Bearer with the access token of a login."),
    ErrorKind("auth.token_invalid", 401, False, "The access token is not valid here.", "Log in, or refresh; a user's token does not open an admin's door, nor the reverse."),
    ErrorKind("auth.token_expired", 401, False, "The access token has expired.", "Refresh it."),
    ErrorKind("auth.session_ended", 401, False, "This session has ended.", "Log in again."),
    ErrorKind("auth.credentials_invalid", 401, False, "The e-mail address or the password is wrong.", "Try again, or reset the password."),
    ErrorKind("auth.email_not_verified", 403, False, "The e-mail address is not verified yet.", "Send the code of the mail to verify-email, or ask for a new one."),
    ErrorKind("auth.approval_pending", 403, False, "This admin is not activated yet.", "A super_admin activates admins."),
    ErrorKind("auth.suspended", 403, False, "This login is suspended.", "Ask support."),
    ErrorKind("auth.closed", 403, False, "This login is closed.", "Register again with another address, or ask support."),
    ErrorKind("auth.refresh_invalid", 401, False, "The refresh token is not valid.", "Log in again."),
    ErrorKind("auth.refresh_reused", 401, False, "The refresh token was used before, so its session was ended.", "Log in again; if it was not you, change the password."),
    ErrorKind("auth.code_invalid", 422, False, "The code is wrong.", "details.tries_left says how often it may be tried again."),
    ErrorKind("auth.challenge_ended", 422, False, "This code can no longer be used.", "Begin again: it was used, has expired, was tried too often, or never was."),
    ErrorKind("auth.resend_too_soon", 429, True, "A code was sent a moment ago.", "Wait for Retry-After seconds."),
    ErrorKind("auth.password_wrong", 422, False, "The present password is wrong.", "Send the password that you log in with."),
    ErrorKind("totp.already_enabled", 409, False, "Time-based codes are enabled already.", "Disable them first to set them up anew."),
    ErrorKind("totp.not_enabled", 409, False, "Time-based codes are not set up.", "POST /v1/user/totp begins."),
    ErrorKind("user.email_taken", 409, False, "This e-mail address is registered already.", "Log in, or reset the password."),
    ErrorKind("user.not_found", 404, False, "There is no such user.", "Check the id or the address."),
    ErrorKind("user.closed", 409, False, "A closed user stays closed.", "Register anew."),
    ErrorKind("user.wrong_state", 409, False, "The user's state does not allow this.", "details.status is the state; who has not verified the address cannot be made active."),
    ErrorKind("user.owner_required", 403, False, "Only the owner of the tenant may do this.", "Ask the owner."),
    ErrorKind("session.not_found", 404, False, "There is no such session.", "List the sessions first."),
    ErrorKind("api_key.not_found", 404, False, "There is no such API key.", "List the keys first."),
    ErrorKind("api_key.too_many", 409, False, "The tenant has as many API keys as it may.", "Revoke one first; details.most is the number."),
    ErrorKind("invitation.invalid", 422, False, "This invitation cannot be accepted.", "Ask the owner for a new one: it was used, withdrawn, has expired, or never was."),
    ErrorKind("invitation.pending", 409, False, "An invitation to this address is on its way already.", "Wait until it is accepted or has expired."),
    ErrorKind("admin.email_taken", 409, False, "This e-mail address is registered already.", "Log in."),
    ErrorKind("admin.not_found", 404, False, "There is no such admin.", "Check the id or the address."),
    ErrorKind("admin.role_mismatch", 403, False, "X-PM-ROLE is not the role of this token.", "Send the role that you logged in with."),
    ErrorKind("admin.forbidden", 403, False, "The role {role} may not do this.", "details.allowed names the roles that may."),
    ErrorKind("admin.registration_closed", 403, False, "Admins cannot register themselves here.", "A super_admin is made by the operator's command line."),
    ErrorKind("admin.last_super_admin", 409, False, "The last active super_admin cannot be taken away.", "Activate another one first."),
    ErrorKind("admin.wrong_state", 409, False, "The admin's state does not allow this.", "details.status is the state."),
    ErrorKind("alert.not_found", 404, False, "There is no such alert.", "GET /internal/v1/admin/alerts lists the alerts."),
    ErrorKind("alert.wrong_state", 409, False, "The alert is {state}, which does not allow this.", "An alert that is resolved needs nobody any more."),
    ErrorKind("waitlist.consent_required", 422, False, "Consent is needed to be put on the list.", "Send consent: true."),
    ErrorKind("waitlist.geo_blocked", 403, False, "The service is not offered in this country or region.", "Nothing to do."),
    ErrorKind("waitlist.unknown_country", 422, False, "This is not a country or region that we know.", "Send an ISO 3166-1 code of two letters, or its English name."),
    ErrorKind("application.not_found", 404, False, "There is no such access application.", "GET /v1/access-applications lists yours."),
    ErrorKind("application.wrong_state", 409, False, "The access application is {status}, which does not allow this.", "details.status is how it stands; read it before deciding again."),
    ErrorKind("tenant.not_found", 404, False, "There is no such tenant.", "Check the tenant id."),
    ErrorKind("provisioning_job.not_found", 404, False, "There is no such provisioning job.", "An application that is approved names its job."),
    ErrorKind("provisioning_job.wrong_state", 409, False, "The provisioning job is {status}, which does not allow this.", "Only a job that was rolled back is retried; one that failed is still being undone."),
    ErrorKind("provisioning.policy_impossible", 409, False, "The provision policy names {exchange_code}, which the application does not ask for.", "Retry the job with another provision_policy."),
    ErrorKind("provisioning.exchange_unknown", 409, False, "Nothing can be traded at {exchange_code}.", "GET /internal/v1/admin/registry/exchanges lists the exchanges."),
    ErrorKind("provisioning.no_connector", 409, False, "No connector that is ready leads to {exchange_code}.", "Make one ready in the connector catalog, then retry the job."),
    ErrorKind("provisioning.account_differs", 409, False, "The account of this tenant is open for another tenant or mode.", "Look into account_id of the details before retrying the job."),
    ErrorKind("rate.limited", 429, True, "Too many requests.", "Wait for Retry-After seconds."),
    ErrorKind("market.unknown_symbol", 404, False, "Unknown symbol.", "GET /v1/markets lists the symbols."),
    ErrorKind("market.no_quote", 404, True, "No quote has been seen for this symbol yet.", "Retry after a moment."),
    ErrorKind("market.unknown_venue", 404, False, "Unknown venue.", "GET /v1/markets lists the venues."),
    ErrorKind("market.empty_range", 404, False, "No bar can be in this range: end is not after start.", "Give an end after start, or leave one of them out."),
    ErrorKind("market.no_calendar", 404, False, "There is no calendar for this date.", "Ask for a date from 1900-01-01 to 2200-12-31."),
    ErrorKind("market.stale_quote", 409, False, "There is no live quote to trade this against.", "Wait for feed_state live. Against a stale quote a limit order is taken; where details.feed_state is null there is no quote yet, and no order is."),
    ErrorKind("market.no_liquidity", 409, False, "The side of the book that this would trade against is empty.", "Send a limit order."),
    ErrorKind("instrument.not_tradable", 409, False, "This instrument is market data only.", "GET /v1/markets says what can be traded."),
    ErrorKind("instrument.halted", 409, False, "Trading in this instrument is halted.", "Wait until its status is active."),
    ErrorKind("session.closed", 409, False, "The market is closed.", "Send a DAY or GTC limit order, or wait for the open."),
    ErrorKind("account.not_open", 409, False, "This account is not open.", "It is opened by provisioning; try again when it is."),
    ErrorKind("account.already_open", 409, False, "This account is open already.", "Nothing to do."),
    ErrorKind("account.insufficient_funds", 409, False, "The account does not have that much to take out.", "details.available_margin is the most."),
    ErrorKind("account.trading_state_locked", 409, False, "An admin has set a stricter trading state.", "Ask support to loosen it."),
    ErrorKind("account.not_found", 404, False, "There is no such account.", "Check the account id."),
    ErrorKind("command.malformed", 409, False, "The command could not be read and was not executed.", "Send again with a new Idempotency-Key; if it happens again, tell support the trace id."),
    ErrorKind("command.too_large", 409, False, "The command would change more than one record can say, and was not executed.", "Send it in parts, or with shorter texts."),
    ErrorKind("risk.binding_inactive", 409, False, "There is no active binding to this venue.", "See GET /v1/access-bindings."),
    ErrorKind("risk.conversion_unavailable", 409, False, "This currency cannot be valued at the moment.", "Wait for a live quote of its conversion symbol."),
    ErrorKind("risk.insufficient_margin", 409, False, "The available margin does not cover this order.", "details has what is needed and what is there."),
    ErrorKind("risk.liquidation", 409, False, "The account is at its liquidation level: only orders that reduce are taken.", "Reduce positions or add funds."),
    ErrorKind("risk.max_open_orders", 409, False, "The account has as many open orders as it may.", "Cancel some first."),
    ErrorKind("risk.max_order_quantity", 409, False, "The quantity is above the account's limit.", "details.limit is the most."),
    ErrorKind("risk.max_order_value", 409, False, "The order's value is above the account's limit.", "details.limit is the most."),
    ErrorKind("risk.not_shortable", 409, False, "This instrument cannot be sold short.", "details.available is what can be sold."),
    ErrorKind("risk.order_rate", 409, False, "Too many orders a second for this account.", "details.limit is the most a second."),
    ErrorKind("risk.position_limit", 409, False, "The position could go beyond the account's limit.", "details has its value and the limit."),
    ErrorKind("risk.price_collar", 409, False, "The price is too far beyond the market.", "details.limit_price is the farthest."),
    ErrorKind("risk.reduce_only", 409, False, "A reduce-only order would increase the position.", "details.reducible is the most."),
    ErrorKind("risk.reducing_only", 409, False, "Only orders that reduce a position are taken at the moment.", "details.scope says who ordered that."),
    ErrorKind("risk.self_trade", 409, False, "The order would trade with one of your own.", "details.other_order_id is that order."),
    ErrorKind("risk.trading_halted", 409, False, "Trading is halted.", "details.scope says for whom; cancels are taken."),
    ErrorKind("order.already_final", 409, False, "This order has ended.", "details.status is how."),
    ErrorKind("order.amend_pending", 409, False, "An amend of this order is still with the venue.", "Wait for its answer on orders.*."),
    ErrorKind("order.cancel_pending", 409, False, "This order is being canceled.", "Wait for its end on orders.*."),
    ErrorKind("order.duplicate_client_id", 409, False, "Another order has this client_order_id.", "details.other_order_id is that order; choose another id."),
    ErrorKind("order.expired_in_transit", 409, False, "The command arrived too late and was not executed.", "Send again with a new Idempotency-Key."),
    ErrorKind("order.invalid", 409, False, "The order does not make sense as it is.", "details.fields names what does not go together."),
    ErrorKind("order.lot_size", 409, False, "The quantity is not a multiple of the lot size.", "details.lot_size is the step."),
    ErrorKind("order.max_quantity", 409, False, "The quantity is above the instrument's maximum.", "details.max_quantity is the most."),
    ErrorKind("order.min_notional", 409, False, "The order's value is below the instrument's minimum.", "details.min_notional is the least."),
    ErrorKind("order.min_quantity", 409, False, "The quantity is below the instrument's minimum.", "details.min_quantity is the least."),
    ErrorKind("order.not_amendable", 409, False, "This order cannot be changed in that way.", "details.reason says why; cancel it and place another."),
    ErrorKind("order.not_found", 404, False, "There is no such order.", "Ended orders are read with GET /v1/orders/{order_id}. A read right after a write may be behind it: send X-Min-Account-Seq."),
    ErrorKind("order.not_selected", 409, False, "Another selector leaves this order out, so it was not canceled.", "Give its order_id alone, or selectors that all fit it."),
    ErrorKind("order.quantity_below_filled", 409, False, "The quantity is below what is filled already.", "details.filled_quantity is the least."),
    ErrorKind("order.tick_size", 409, False, "The price is not a multiple of the tick size.", "details.tick_size is the step."),
    ErrorKind("order.uncertain", 409, False, "What became of this order is not known yet.", "Wait until uncertain is false."),
    ErrorKind("order.venue_mismatch", 409, False, "The symbol trades at another venue.", "details.venue is its venue."),
    ErrorKind("order.outcome_unknown", 503, True, "What came of this request is not known yet.", "Send the same request with the same Idempotency-Key, or read details.order_id."),
    ErrorKind("cancel.empty_selector", 422, False, "Nothing says which orders to cancel.", "Give order_ids, strategy_id or symbol; POST /v1/orders/cancel-all cancels all."),
    ErrorKind("fill.not_found", 404, False, "There is no such fill.", "GET /v1/fills lists the fills."),
    ErrorKind("connector.unavailable", 503, False, "The connector to this venue is down.", "Send again with a new Idempotency-Key."),
    ErrorKind("connector.not_found", 404, False, "There is no such connector.", "List the connectors first."),
    ErrorKind("connector.exists", 409, False, "There is a connector of this id already.", "Change it with PATCH, or take another id."),
    ErrorKind("connector.refused", 409, False, "The connector refused the connection; the venue has not seen the request.", "Send it again with a new Idempotency-Key."),
    ErrorKind("venue.request_lost", 409, False, "The venue does not know of this request.", "Send it again with a new Idempotency-Key."),
    ErrorKind("venue.rejected", 409, False, "The venue refused the request.", "upstream_code is the venue's own code."),
    ErrorKind("venue.bad_request", 409, False, "The venue does not understand the request.", "upstream_code is the venue's own code; send us the order id."),
    ErrorKind("venue.day_over", 409, False, "The venue ended the order with its trading day.", "Place it again for the next day, or use GTC."),
    ErrorKind("venue.disconnected", 409, False, "The connection to the venue broke before it answered.", "Wait until uncertain is false; the venue is asked."),
    ErrorKind("venue.fill_or_kill_unfilled", 409, False, "A fill-or-kill order could not be filled as a whole.", "Use a smaller quantity, or IOC."),
    ErrorKind("venue.immediate_rest_canceled", 409, False, "What was not filled at once was canceled.", "Nothing to do; use GTC or DAY for orders that should rest."),
    ErrorKind("venue.lost", 409, False, "The venue no longer knows of the order and it is not filled further.", "Place it again with a new Idempotency-Key."),
    ErrorKind("venue.lot_size", 409, False, "The venue takes only multiples of its lot size.", "GET /v1/markets has lot_size."),
    ErrorKind("venue.no_liquidity", 409, False, "The venue had nothing to trade this against.", "Send a limit order."),
    ErrorKind("venue.not_tradable", 409, False, "The venue does not trade this instrument.", "GET /v1/markets says what can be traded."),
    ErrorKind("venue.quantity_below_filled", 409, False, "The venue has filled more than the new quantity.", "Read the order; ask for more than its filled_quantity."),
    ErrorKind("venue.quantity_limit", 409, False, "The quantity is outside the venue's limits.", "GET /v1/markets has min_quantity and max_quantity."),
    ErrorKind("venue.self_trade", 409, False, "The venue canceled the order, since it would have traded with one of your own.", "Cancel the other order first."),
    ErrorKind("venue.tick_size", 409, False, "The venue takes only multiples of its tick size.", "GET /v1/markets has tick_size."),
    ErrorKind("venue.timeout", 409, False, "The venue did not answer in time.", "Wait until uncertain is false; the venue is asked."),
    ErrorKind("venue.too_many_fills", 409, False, "The venue canceled the rest of the order, since it met too many others at once.", "Send the rest as a new order."),
    ErrorKind("venue.unanswered", 409, False, "The venue has not said what became of the request.", "Wait until uncertain is false; the venue is asked."),
    ErrorKind("venue.unknown_scenario", 409, False, "There is no scenario of this name.", "See the scenarios in docs; client_order_id is sim:NAME[:ARG]:UNIQUE."),
    ErrorKind("venue.would_take", 409, False, "A post-only order would have traded at once.", "Use a price that does not cross the book."),
    ErrorKind("report.contradicts", 409, False, "A report of the venue contradicts what is known of the order.", "Nothing to do; the order is reconciled with the venue."),
    ErrorKind("report.malformed", 409, False, "A report of the venue could not be understood.", "Nothing to do; the order is reconciled with the venue."),
    ErrorKind("exchange.not_found", 404, False, "There is no such exchange.", "GET /internal/v1/registry/exchanges lists the exchanges."),
    ErrorKind("credential.unreadable", 409, False, "The credential of {exchange_code} cannot be opened.", "Encrypt it as a JWE to a key of use enc from GET /public/v1/keys, and store it again."),
    ErrorKind("halt.not_found", 404, False, "There is no such halt in force.", "List the halts in force first."),
    ErrorKind("stream.not_authenticated", 401, False, "The connection is not authenticated.", "Send op auth first, within 10 s."),
    ErrorKind("stream.bad_message", 400, False, "The message is not valid.", "Send a JSON object with op, id and payload."),
    ErrorKind("stream.unknown_topic", 404, False, "Unknown topic.", "See the WebSocket guide for the topics."),
    ErrorKind("stream.limit", 429, True, "A limit of this connection was reached.", "details.limit says which and how much."),
    ErrorKind("stream.snapshot_behind", 503, True, "The snapshot is behind the stream.", "Subscribe again after a moment."),
)
# fmt: on
CATALOGUE: Final[Mapping[str, ErrorKind]] = {kind.code: kind for kind in _KINDS}
