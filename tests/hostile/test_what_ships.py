"""What is handed on: no secret in any file or in the history, and nothing installed but what is pinned by its hash.

Known vulnerabilities are another matter: they are asked for where a service that knows them can be reached (docs/security.md).
"""

import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from detect_secrets.core.scan import scan_file, scan_line
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.settings import get_plugins, transient_settings

ROOT = Path(__file__).resolve().parents[2]
FORMS = (
    "ArtifactoryDetector", "AWSKeyDetector", "AzureStorageKeyDetector", "BasicAuthDetector",
    "DiscordBotTokenDetector", "GitHubTokenDetector", "GitLabTokenDetector",
    "JwtTokenDetector", "MailchimpDetector", "NpmDetector", "OpenAIDetector", "PrivateKeyDetector", "PypiTokenDetector",
    "SendGridDetector", "SlackDetector", "SquareOAuthDetector", "StripeDetector",
    "TelegramBotTokenDetector", "TwilioKeyDetector",
)  # fmt: skip
GUESSES = (
    {"name": "KeywordDetector"},
    {"name": "Base64HighEntropyString", "limit": 4.5},
    {"name": "HexHighEntropyString", "limit": 3.0},
)
NOT_SECRETS = "is_sequential_string is_potential_uuid is_likely_id_string is_templated_secret is_prefixed_with_dollar_sign is_indirect_reference"
EXAMPLES = re.compile(
    r"(?:smtp|smtps|smtp\+starttls|mongodb|scheme)://(?:user:(?:hunter2|password|right)|user%40a:p%3Aw%2F|somebody:its-password)@"
    r"(?:127\.0\.0\.1|mail\.example|host)"
)
"""Addresses with made-up passwords, by which the tests see that passwords of addresses are never shown."""
VECTORS = {"docs/signing.md", "docs/examples"}
"""Published test vectors: keys that sign nothing."""
MADE_UP = {
    "at least 16 characters", "correct horse battery staple", "pms_test_vector_secret_1", "X-PM-API-KEY", "pmk_...",
    "auth.credentials_invalid", "mend", "string", "password_reset_code", "reset", "bench", "MailTrouble",
}  # fmt: skip
"""Field names, error codes, the password of every example, and what stands for a secret in a text."""
WORTH_A_LOOK = re.compile(
    r"(?i)(key|secret|passw|pwd|token|auth|credential|contraseña).*[:=]|[\"'][a-z0-9+/=_-]{20,}[\"']"
)
"""The detectors are slow; lines without any of these have nothing for them."""
HOLDERS = re.compile(
    r"(^|/)(\.env|\.netrc|\.pypirc|\.npmrc|id_(rsa|ed25519|ecdsa)|credentials\.json)$|\.(pem|p12|pfx|jks|kdbx|key)$"
)
PIN = re.compile(r"^([a-zA-Z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)
    return done.stdout.decode(errors="replace")


def _ever_written() -> list[str]:
    """Every line that any commit has added, once."""
    log = _git("log", "--all", "--patch", "--unified=0", "--format=", "--no-color")
    return sorted({line[1:] for line in log.splitlines() if line.startswith("+")})


def test_no_secret_of_a_known_form_was_ever_committed() -> None:
    """Private keys, tokens of the usual services, passwords in addresses: in what is tracked and in whatever was."""
    text = "\n".join(_ever_written())
    found = set()
    with transient_settings({"plugins_used": [{"name": name} for name in FORMS]}):
        for plugin in get_plugins():
            assert isinstance(plugin, RegexBasedDetector)
            for line in _lines_with(plugin, text):
                found |= {(one.type, line.strip()) for one in scan_line(line) if one.type == plugin.secret_type}

    assert [one for one in found if not EXAMPLES.search(one[1])] == []
    assert found, "the examples are there: a scan that finds none of them finds nothing"


def _lines_with(plugin: RegexBasedDetector, text: str) -> Iterator[str]:
    """Lines that may hold what the plugin looks for: its own expressions, over everything at once."""
    for expression in plugin.denylist:
        for match in expression.finditer(text):
            start, end = text.rfind("\n", 0, match.start()) + 1, text.find("\n", match.end())
            yield text[start : end if end >= 0 else None]


def test_no_file_that_holds_secrets_was_ever_tracked() -> None:
    names = set(_git("log", "--all", "--name-only", "--format=").splitlines())

    assert sorted(name for name in names if HOLDERS.search(name)) == []
    assert names >= set(_git("ls-tree", "-r", "--name-only", "HEAD").splitlines())


def test_nothing_that_ships_looks_like_a_secret(tmp_path: Path) -> None:
    """By entropy, and by names beside values but in prose, where every password is called one; in tests everything would."""
    filters = [{"path": f"detect_secrets.filters.heuristic.{name}"} for name in NOT_SECRETS.split()]
    found = []
    with transient_settings({"plugins_used": list(GUESSES), "filters_used": filters}):
        for name in _git("ls-files").splitlines():
            if name.startswith(("tests/", "requirements", *VECTORS)) or name.endswith(".po"):
                continue
            lines = (ROOT / name).read_text(errors="replace").splitlines()
            numbers = [number for number, line in enumerate(lines) if WORTH_A_LOOK.search(line)]
            looked_at = tmp_path / name.replace("/", "-")
            looked_at.write_text("\n".join(lines[number] for number in numbers))
            found += [
                (name, numbers[one.line_number - 1] + 1, one.type)
                for one in scan_file(str(looked_at))
                if one.secret_value not in MADE_UP and not (name.endswith(".md") and one.type == "Secret Keyword")
            ]

    assert found == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_every_requirement_is_one_version_by_its_hash_and_is_what_is_tested(name: str) -> None:
    entries = re.split(r"\n(?=[a-zA-Z])", (ROOT / name).read_text())
    pins = {match[1]: match[2] for entry in entries if (match := PIN.match(entry))}

    assert len(pins) == sum(1 for entry in entries if re.match(r"[a-zA-Z]", entry))
    assert all("--hash=sha256:" in entry for entry in entries if PIN.match(entry))
    assert {package: version(package) for package in pins} == pins
