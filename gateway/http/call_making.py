"""What a handler is given (gateway/http/calls.py), made of a request's ASGI scope and what the edge has found out about it."""

from typing import Any, Final

from gateway.callers import Caller, Principal, SignedRequest
from gateway.http.bearer import user_agent_of
from gateway.http.calls import BearerCall, OpenCall, SignedCall
from gateway.http.exchange import Exchange
from gateway.http.query import parse_query

AsgiScope = dict[str, Any]
PATH_PARAMETERS: Final = "path_params"
"""Under this key the ASGI scope carries the parameters of the route (as other ASGI routers do it)."""


def open_call(exchange: Exchange, asked: AsgiScope, client_ip: str) -> OpenCall:
    """Of anyone's write. Raises `request.invalid` for the query, as the others do."""
    return OpenCall(
        query=parse_query(raw(asked["query_string"])),
        now=exchange.arrived,
        language=exchange.language,
        client_ip=client_ip,
        user_agent=user_agent_of(exchange.header(b"user-agent")),
        trace_id=exchange.trace_id,
        operation=exchange.operation,
        accept_language=exchange.header(b"accept-language"),
    )


def bearer_call(
    exchange: Exchange, asked: AsgiScope, principal: Principal, client_ip: str, *, key: str, effect_id: str
) -> BearerCall:
    """Of a person with a token."""
    return BearerCall(
        query=parse_query(raw(asked["query_string"])),
        now=exchange.arrived,
        language=exchange.language,
        principal=principal,
        path=asked.get(PATH_PARAMETERS, {}),
        client_ip=client_ip,
        user_agent=user_agent_of(exchange.header(b"user-agent")),
        trace_id=exchange.trace_id,
        effect_id=effect_id,
        idempotency_key=key,
        headers=exchange.headers,
        operation=exchange.operation,
    )


def signed_call(
    exchange: Exchange, asked: AsgiScope, signed: SignedRequest, caller: Caller, effect_id: str = ""
) -> SignedCall:
    """Of a key."""
    return SignedCall(
        query=parse_query(signed.query),
        now=exchange.arrived,
        language=exchange.language,
        caller=caller,
        method=signed.method,
        raw_path=signed.path,
        path=asked.get(PATH_PARAMETERS, {}),
        body=signed.body,
        idempotency_key=signed.idempotency_key,
        headers=exchange.headers,
        trace_id=exchange.trace_id,
        effect_id=effect_id,
    )


def raw(text: bytes) -> str:
    """Bytes of a target as text."""
    return text.decode("latin-1")
