"""`omniaxs doctor`: every dependency is looked at, whatever becomes of the others, and what is wrong is said in words."""

import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from ops.processes.doctor import Finding, examine
from ops.runtime.settings import Settings

SECRET = "hunter2"
NOBODY = "127.0.0.1:9"


def by_subject(findings: list[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for one in findings:
        found.setdefault(one.subject, []).append(one)
    return found


async def test_the_local_profile_is_well_and_says_what_that_means() -> None:
    found = by_subject(await examine(Settings(_env_file=None)))
    assert found.keys() == {"store", "log", "limits", "jobs", "mail", "countries"}
    assert all(one.ok for findings in found.values() for one in findings)
    assert "every `omniaxs up` starts an empty one" in found["log"][0].text


async def test_what_is_away_is_named_without_passwords_and_stops_nothing(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        log_url=f"kafka://{NOBODY}",
        store_url=f"mongodb://hub:{SECRET}@{NOBODY}/?serverSelectionTimeoutMS=500",
        limits_url=f"redis://:{SECRET}@{NOBODY}/0",
        jobs_url=f"redis://:{SECRET}@{NOBODY}/1",
        mail_url=f"smtps://hub:{SECRET}@{NOBODY}",
        country_database=tmp_path / "absent.mmdb",
    )
    found = by_subject(await examine(settings))
    assert found.keys() == {"store", "log", "limits", "jobs", "mail", "countries"}
    for subject, findings in found.items():
        assert [one.ok for one in findings] == [False], subject
        assert SECRET not in findings[0].text
        assert ("absent.mmdb" if subject == "countries" else NOBODY) in findings[0].text


@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.redis
async def test_what_is_there_and_not_set_up_is_told_with_what_to_do(
    kafka_address: str, mongo_url: str, redis_url: str
) -> None:
    name = f"doctor{secrets.token_hex(4)}"
    settings = Settings(
        _env_file=None,
        log_url=f"kafka://{kafka_address}",
        store_url=mongo_url,
        store_database=name,
        topic_prefix=f"{name}.",
        limits_url=redis_url,
        jobs_url=redis_url,
    )
    found = by_subject(await examine(settings))
    assert [found[subject][0].ok for subject in ("store", "log", "limits", "jobs")] == [True] * 4
    assert [one.text for one in found["reference data"]] == ["no instruments: run `omniaxs markets load`"]
    assert "topic quotes is missing: run `omniaxs topics apply`" in [one.text for one in found["topics"]]
    assert found["store schema"]
    assert not any(one.ok for subject in ("reference data", "topics", "store schema") for one in found[subject])


def test_the_exit_code_says_whether_all_is_well(tmp_path: Path) -> None:
    def doctor(**variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OMNIAXS_")}
        command = [sys.executable, "-m", "ops.cli", "doctor", "--json"]
        return subprocess.run(
            command, cwd=tmp_path, env=kept | variables, capture_output=True, text=True, timeout=60, check=False
        )

    well = doctor()
    assert well.returncode == 0, well.stderr
    assert {json.loads(line)["subject"] for line in well.stdout.splitlines()} >= {"store", "log", "mail"}
    assert doctor(OMNIAXS_MAIL_URL=f"smtp://{NOBODY}").returncode == 1
