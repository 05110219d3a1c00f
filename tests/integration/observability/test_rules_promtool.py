"""promtool and amtool on what is deployed: the files are right, and each rule does in its unit test what it says."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.observability.prometheus import DEPLOY, programs

RULE_TESTS = sorted((DEPLOY / "prometheus/tests").glob("*.yml"))


def run(program: str, *arguments: str | Path) -> None:
    done = subprocess.run([programs()[program], *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_configuration_of_prometheus_and_its_rules_are_valid() -> None:
    run("promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml")


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_the_rules_do_what_their_unit_tests_say(path: Path) -> None:
    run("promtool", "test", "rules", path)


def test_every_rule_file_has_unit_tests() -> None:
    assert [path.name for path in RULE_TESTS] == sorted(
        path.name for path in (DEPLOY / "prometheus/rules").glob("*.yml")
    )


def test_the_configuration_of_alertmanager_is_valid() -> None:
    run("amtool", "check-config", DEPLOY / "alertmanager/alertmanager.yml")
