"""Dashboards and rules against the catalogue of metrics, the runbook, and each other."""

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import yaml

from ops.runtime.metrics import CATALOGUE
from storage.models.alerts import runbook_of

ROOT = Path(__file__).resolve().parents[3]
RULES = sorted((ROOT / "ops/deploy/prometheus/rules").glob("*.yml"))
DASHBOARDS = sorted((ROOT / "grafana/dashboards").glob("*.json"))
PROMETHEUS_OWN = {"up", "ALERTS"}
PROCESS = {
    "process_cpu_seconds_total", "process_open_fds", "process_max_fds", "process_resident_memory_bytes",
    "process_virtual_memory_bytes", "process_start_time_seconds",
}  # fmt: skip
_QUOTED = re.compile(r'"[^"]*"')
_LABELS = re.compile(r"\{[^}]*\}|\b(?:by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)|\[[^\]]*\]")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_WORDS = {"and", "or", "unless", "bool", "offset", "by", "on", "group_left", "group_right", "without", "ignoring"}
_DURATION = re.compile(r"\boffset\s+\d+[smhd]")


class Asked(NamedTuple):
    """An expression and where it stands."""

    where: str
    expression: str


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            yield path.stem, panel


def alerts() -> Iterator[dict[str, Any]]:
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def asked() -> Iterator[Asked]:
    for name, panel in panels():
        for target in panel["targets"]:
            yield Asked(f"{name}: {panel['title']}", target["expr"])
    for alert in alerts():
        yield Asked(alert["alert"], alert["expr"])


def metrics_in(expression: str) -> set[str]:
    """The names of metrics in an expression of Prometheus: what is left without strings, labels, ranges and functions."""
    bare = _LABELS.sub(" ", _DURATION.sub(" ", _QUOTED.sub(" ", expression)))
    return set(_NAME.findall(bare)) - _WORDS


def exposed() -> set[str]:
    """Every name under which the catalogue's metrics are scraped."""
    names = PROCESS | PROMETHEUS_OWN
    for spec in CATALOGUE:
        names |= (
            {f"{spec.name}{end}" for end in ("_bucket", "_sum", "_count")} if spec.kind == "histogram" else {spec.name}
        )
    return names


def grafana_build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("grafana_build", ROOT / "grafana/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_metrics_of_an_expression_are_found() -> None:
    expression = 'max by (a) (x_total{b=~"c|d"}) / on (a) group_left () sum(rate(y_bucket[$__rate_interval])) or (z unless z offset 10m) > 0.5'
    assert metrics_in(expression) == {"x_total", "y_bucket", "z"}


def test_there_are_the_six_dashboards() -> None:
    assert {path.stem for path in DASHBOARDS} == {"overview", "market-data", "trading", "websocket", "workers", "risk"}


@pytest.mark.parametrize("one", list(asked()), ids=lambda one: one.where)
def test_every_metric_that_is_asked_for_is_in_the_catalogue(one: Asked) -> None:
    found = metrics_in(one.expression)
    assert found
    assert found <= exposed()


def test_dashboards_are_what_their_descriptions_make() -> None:
    build = grafana_build()
    made = {name: build.text_of(dashboard) for name, dashboard in build.dashboards().items()}
    assert made == {path.stem: path.read_text() for path in DASHBOARDS}, "run: python grafana/build.py"


@pytest.mark.parametrize(
    ("name", "panel"), list(panels()), ids=lambda value: value if isinstance(value, str) else value["title"]
)
def test_every_panel_is_a_question_with_a_unit_and_thresholds(name: str, panel: dict[str, Any]) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"].endswith("?")
    assert defaults["unit"] in {"s", "short", "ops", "reqps", "bytes", "percentunit", "bool_yes_no"}
    assert len(defaults["thresholds"]["steps"]) >= 2
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize(
    ("name", "panel"), list(panels()), ids=lambda value: value if isinstance(value, str) else value["title"]
)
def test_units_are_those_of_the_metrics(name: str, panel: dict[str, Any]) -> None:
    """Seconds are shown as seconds, counts as counts, rates as rates."""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    units = {spec.name: spec.unit for spec in CATALOGUE}
    for target in panel["targets"]:
        expression = target["expr"]
        if "histogram_quantile(" in expression or "timestamp_seconds" in expression:
            assert unit == "s"
        elif {units.get(metric) for metric in metrics_in(expression)} == {"flag"} and "count(" not in expression:
            assert unit == "bool_yes_no"
        elif (
            expression.startswith("sum")
            and "rate(" in expression
            and " / " not in expression
            and "cpu" not in expression
        ):
            assert unit in {"ops", "reqps"}
        elif "increase(" in expression:
            assert unit == "short"


@pytest.mark.parametrize("alert", list(alerts()), ids=lambda alert: alert["alert"])
def test_every_alert_says_how_bad_it_is_and_links_its_paragraph(alert: dict[str, Any]) -> None:
    code = alert["labels"]["code"]
    assert alert["labels"]["severity"] in {"info", "warning", "critical"}
    assert alert["labels"]["subject"]
    assert "$value" not in alert["labels"]["subject"], "an alert whose labels change is another alert"
    assert set(alert["annotations"]) == {"summary", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == runbook_of(code)
    anchor = alert["annotations"]["runbook_url"].partition("#")[2]
    assert f"\n### {anchor}\n" in (ROOT / "docs/operating.md").read_text(), f"no paragraph for {anchor}"


def test_every_alert_has_a_code_of_its_own_and_a_unit_test() -> None:
    codes = [alert["labels"]["code"] for alert in alerts()]
    assert len(codes) == len(set(codes))
    tested = "\n".join(path.read_text() for path in (ROOT / "ops/deploy/prometheus/tests").glob("*.yml"))
    assert [code for code in codes if code not in tested] == []
