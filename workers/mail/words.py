"""What each mail says, in English; the other languages are Babel catalogues in `workers/mail/locale/`, read once.

Every mail has the same parts in the same order: subject, greeting, what happened, a code (where there is one), what to know
about it, and a foot. Braces are filled from the mail's values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from babel.messages.pofile import read_po

from ops.runtime.languages import DEFAULT_LANGUAGE, LANGUAGES, Language
from storage.models.mails import MailTemplate

TEMPLATES: Final[tuple[MailTemplate, ...]] = get_args(MailTemplate)
GREETING: Final = "mail.greeting"
NAMELESS_GREETING: Final = "mail.greeting.nameless"
"""To whom no name is known: whoever is invited."""
FOOT: Final = "mail.foot"
_FOLDER: Final = Path(__file__).parent / "locale"

SOURCES: Final[Mapping[str, str]] = {
    GREETING: "Hello {name},",
    NAMELESS_GREETING: "Hello,",
    FOOT: "OMNIAXS Global Hub sent this message automatically. We never ask for a code or a password by phone or mail.",
    "mail.verification_code.subject": "Confirm your e-mail address",
    "mail.verification_code.intro": "Welcome. Enter this code to confirm your e-mail address:",
    "mail.verification_code.note": (
        "The code is valid for {minutes} minutes and works once. If you did not register, ignore this message."
    ),
    "mail.login_code.subject": "Your login code",
    "mail.login_code.intro": "Enter this code to finish logging in:",
    "mail.login_code.note": (
        "The code is valid for {minutes} minutes and works once. If you are not logging in, somebody knows your password: "
        "change it."
    ),
    "mail.password_reset_code.subject": "Reset your password",
    "mail.password_reset_code.intro": "Enter this code to choose a new password:",
    "mail.password_reset_code.note": (
        "The code is valid for {minutes} minutes and works once. If you did not ask for it, ignore this message: "
        "your password stays as it is."
    ),
    "mail.invitation.subject": "You are invited to OMNIAXS Global Hub",
    "mail.invitation.intro": "To join {company_name}, as {inviter} invites you to, accept with this invitation token:",
    "mail.invitation.note": "The token works once and for this e-mail address only. If you do not know who invites you, ignore this message.",
    "mail.account_locked.subject": "Logging in is locked for a while",
    "mail.account_locked.intro": (
        "Too many wrong passwords were entered for your account, the last one from {ip}. "
        "Logging in is locked for {minutes} minutes."
    ),
    "mail.account_locked.note": "If it was you, wait and try again, or reset your password. If not, your password has kept them out.",
    "mail.refresh_reused.subject": "A session of yours was ended for safety",
    "mail.refresh_reused.intro": (
        "A login of your account was used a second time from {ip} at {at}, as a stolen one would be. We have ended that session."
    ),
    "mail.refresh_reused.note": "Log in again. If you do not know this address, change your password.",
    "mail.password_changed.subject": "Your password was changed",
    "mail.password_changed.intro": "The password of your account was changed from {ip} at {at}. All other sessions have ended.",
    "mail.password_changed.note": "If this was not you, reset your password at once and tell your administrator.",
    "mail.admin_activated.subject": "Your admin account is active",
    "mail.admin_activated.intro": "A super admin has activated your admin account. You can log in now.",
    "mail.admin_activated.note": "Everything that you do as an admin is kept in the audit trail.",
    "mail.application_rejected.subject": "Your access application was rejected",
    "mail.application_rejected.intro": "Access to {exchanges} was not granted (application {application_id}). The reason: {reason}",
    "mail.application_rejected.note": "You can submit another application once the reason has been dealt with.",
    "mail.application_active.subject": "Your exchange access is active",
    "mail.application_active.intro": "You can trade at {exchanges} from now on (application {application_id}).",
    "mail.application_active.note": "GET /v1/access-bindings shows all exchanges that you can trade at.",
    "mail.alert.subject": "[{severity}] {state}: {title} ({about})",
    "mail.alert.intro": "{title}: {message} It concerns {about}, was first seen at {at} and counted {count} times. Severity: {severity}. State: {state}.",
    "mail.alert.note": "What to do: {runbook} (alert {alert_id}, code {code}). An admin can acknowledge the alert; it is not repeated then.",
    "mail.alert.state.open": "New",
    "mail.alert.state.repeated": "Still there",
    "mail.alert.state.acknowledged": "Acknowledged",
    "mail.alert.state.resolved": "Resolved",
    "mail.alert.severity.info": "info",
    "mail.alert.severity.warning": "warning",
    "mail.alert.severity.critical": "critical",
    "mail.alert.title.log.dead_letter": "Records that no processor could take",
    "mail.alert.title.log.records_missed": "Records were removed before alerts were made of them",
    "mail.alert.title.process.gone": "A process has died",
    "mail.alert.title.process.not_ready": "A process is not ready",
    "mail.alert.title.partition.stalled": "A partition does not move while its log grows",
    "mail.alert.title.provisioning.failed": "Provisioning has failed",
    "mail.alert.title.connector.down": "A connector is down",
    "mail.alert.title.exposure.limit": "An account has reached its exposure limit",
    "mail.alert.title.exposure.warning": "An account is close to its exposure limit",
    "mail.alert.title.feed.stale": "Quotes have gone stale",
    "mail.alert.title.margin.call": "Margin call",
    "mail.alert.title.margin.liquidation": "Margin is below the liquidation level",
    "mail.alert.title.margin.warning": "Margin is getting low",
    "mail.alert.title.order.rate": "An account sends orders too fast",
    "mail.alert.title.order.unknown": "The state of an order at its venue is unknown",
    "mail.alert.title.reconciliation.break": "Our books and the venue's differ",
    "mail.alert.title.edge.server_errors": "Requests end with errors of ours",
    "mail.alert.title.edge.answers_slow": "Answers are slow",
    "mail.alert.title.edge.limits_degraded": "A gateway counts limits alone",
    "mail.alert.title.edge.keys_degraded": "A gateway cannot read keys and sessions again",
    "mail.alert.title.edge.websocket_gaps": "Slow readers of the WebSocket are told gaps",
    "mail.alert.title.edge.websocket_late": "Messages reach sockets late",
    "mail.alert.title.log.lag_growing": "Readers of the log fall behind",
    "mail.alert.title.log.partition_stalled": "Partitions do not move while their log grows",
    "mail.alert.title.log.partition_unread": "Partitions are read by nobody",
    "mail.alert.title.log.dead_letters": "Records were put aside as dead letters",
    "mail.alert.title.log.read_model_delayed": "Reads show orders late",
    "mail.alert.title.market.symbols_stale": "Quotes of symbols have stopped",
    "mail.alert.title.process.down": "A process does not answer",
    "mail.alert.title.role.missing": "Nobody runs a role",
    "mail.alert.title.process.loop_late": "An event loop is late",
    "mail.alert.title.process.descriptors_short": "File descriptors run short",
    "mail.alert.title.trading.orders_unknown": "Venues left orders unanswered",
    "mail.alert.title.trading.reports_unmatched": "Venues reported what fits no order",
    "mail.alert.title.trading.decisions_slow": "Orders are decided late",
    "mail.alert.title.trading.connector_down": "No orders go through a connector",
    "mail.alert.title.trading.venue_errors": "A venue answers with errors",
    "mail.alert.title.trading.halted": "Trading is halted on the whole platform",
    "mail.alert.title.workers.jobs_failing": "Jobs were given up",
    "mail.alert.title.workers.jobs_waiting": "Jobs wait long for their first try",
    "mail.alert.title.workers.jobs_lost": "The broker did not take jobs",
    "mail.alert.title.workers.mails_refused": "Mails were given up",
    "mail.alert.title.workers.mail_server_failing": "No mail goes out",
    "mail.alert.title.workers.webhooks_failing": "A webhook does not take alerts",
    "mail.alert.title.workers.audit_head_old": "The head of the audit trail is old",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MailWords:
    """All texts of all mails, by language and name."""

    texts: Mapping[Language, Mapping[str, str]]

    def of(self, language: Language, name: str) -> str:
        """One text, its braces unfilled."""
        return self.texts[language][name]


def catalogue_path(language: Language) -> Path:
    """The Babel catalogue of a language other than English."""
    return _FOLDER / language.replace("-", "_") / "LC_MESSAGES" / "messages.po"


def load_words() -> MailWords:
    """Read all catalogues. Raises `ValueError`, naming language and text, where a translation is missing or outdated."""
    others = {language: _translated(language) for language in LANGUAGES if language != DEFAULT_LANGUAGE}
    return MailWords({DEFAULT_LANGUAGE: SOURCES, **others})


def _translated(language: Language) -> dict[str, str]:
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language.replace("-", "_"))
    found = {}
    for name, text in SOURCES.items():
        message = catalogue.get(text, context=name)
        if message is None or not message.string or message.fuzzy:
            raise ValueError(f"the mail catalogue of {language} has no translation of {name!r}: {text!r}")
        found[name] = str(message.string)
    return found
