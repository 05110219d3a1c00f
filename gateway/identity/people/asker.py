"""Who asks, as far as a request without credentials tells it. Pure."""

from dataclasses import dataclass

from gateway.http.calls import OpenCall
from ops.runtime.languages import negotiate
from storage.models.people import Person, PreferredLanguage


@dataclass(frozen=True, slots=True)
class Asker:
    """`now` is when the request arrived (ns); `accept_language` its header."""

    now: int
    ip: str
    user_agent: str
    trace_id: str
    accept_language: str | None = None

    def language_for(self, person: Person) -> PreferredLanguage:
        """The language of a mail that this request causes: the one that it asks for, else that of the person."""
        return negotiate(self.accept_language, person.preferred_language)


def asker_of(call: OpenCall) -> Asker:
    """Who made the call."""
    return Asker(call.now, call.client_ip, call.user_agent, call.trace_id, call.accept_language)
