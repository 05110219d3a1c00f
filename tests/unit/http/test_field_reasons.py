"""Why a field is refused, in the caller's language. Translations themselves: test_languages.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.field_reasons import REASONS, parsed
from ops.runtime.languages import LANGUAGES, load_languages

ROOT = Path(__file__).parents[3]
REFUSERS = {"refuse", "invalid", "PasswordProblem"}
SOURCES = [
    path
    for path in [*(ROOT / "gateway").rglob("*.py"), ROOT / "storage" / "passwords.py"]
    if "live" not in path.relative_to(ROOT).parts  # of the WebSocket, whose frames have one language
]
SAYING = load_languages()


def said(node: ast.expr) -> list[str]:
    """The texts of an expression as far as they stand in the code; braces for what does not."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)]
    if isinstance(node, ast.IfExp):
        return [*said(node.body), *said(node.orelse)]
    return []


def reasons_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = 0 if name == "PasswordProblem" else 1
            if name in REFUSERS and len(node.args) > place:
                yield from said(node.args[place])
        elif isinstance(node, ast.Dict):
            fields = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            if {"name", "reason", "expected"} <= set(fields):
                yield from said(fields["reason"])
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in {"reason", "problem"}:
            yield from said(node.value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_reason_in_the_code_is_known(path: Path) -> None:
    unknown = [reason for reason in reasons_of(ast.parse(path.read_text())) if parsed(reason) is None]
    assert unknown == [], "add them to REASONS in ops/runtime/field_reasons.py and to both catalogues"


def test_the_scan_finds_them() -> None:
    found = {reason for path in SOURCES for reason in reasons_of(ast.parse(path.read_text()))}
    assert {"missing", "not an e-mail address", "too short", "given beside notional", "no such scope: x"} <= found


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_is_told_in_each_language_with_its_value(reason: str) -> None:
    details = {
        "fields": [{"name": "scopes", "reason": reason.replace("{value}", "a{b}c"), "expected": "x"}],
        "other": 1,
    }
    told = {language: SAYING.details(details, language) for language in LANGUAGES}
    assert told["en-US"] == details
    texts = {language: (told[language] or {})["fields"][0]["reason"] for language in LANGUAGES}
    assert len(set(texts.values())) == len(LANGUAGES)
    assert all(("a{b}c" in text) == ("{value}" in reason) for text in texts.values())
    assert {**(told["ja-JP"] or {}), "fields": None} == {"other": 1, "fields": None}
    assert (told["ja-JP"] or {})["fields"][0]["expected"] == "x"


@given(
    details=st.none()
    | st.fixed_dictionaries({"fields": st.lists(st.dictionaries(st.text(), st.text() | st.integers()) | st.text())})
)
def test_details_of_any_form_are_told(details: dict[str, object] | None) -> None:
    told = SAYING.details(details, "zh-CN")
    assert (told is None) == (details is None)
