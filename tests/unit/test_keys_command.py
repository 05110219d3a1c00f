"""`omniaxs keys rotate`: settings on standard output, secrets nowhere else."""

import json
import logging

import pytest
from typer.testing import CliRunner, Result

from ops.cli.keys import application
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys

PRESENT = {
    "OMNIAXS_KEY_RING": "first:sixteen characters or more",
    "OMNIAXS_SIGNING_KEYS": "signer:sixteen characters or more",
}


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(application, list(arguments), env=PRESENT, catch_exceptions=False)
    assert result.exit_code == 0
    return result


@pytest.mark.parametrize(
    ("ring", "setting", "old"),
    [("encryption", "OMNIAXS_KEY_RING", "first"), ("signing", "OMNIAXS_SIGNING_KEYS", "signer")],
)
def test_both_steps_are_settings_that_can_be_pasted(ring, setting, old):
    printed = run("rotate", ring).stdout.splitlines()
    settings = [line.partition("=") for line in printed if not line.startswith("#")]
    assert [name for name, _, _ in settings] == [setting, setting]
    (_, _, prepared), (_, _, rotated) = settings
    assert prepared.startswith(PRESENT[setting] + ",")
    assert rotated.endswith("," + PRESENT[setting])
    assert sorted(prepared.split(",")) == sorted(rotated.split(","))
    KeyRing.parse(rotated)
    SigningKeys.parse(rotated)
    assert f"docs/keys.md says when {old} may be dropped" in printed[-1]


def test_every_rotation_makes_another_secret_and_logs_none(caplog):
    caplog.set_level(logging.DEBUG)
    told = [json.loads(run("rotate", "encryption", "--json").stdout) for _ in range(2)]
    assert told[0].keys() == {"ring", "setting", "key_id", "old_key_ids", "prepared", "rotated"}
    secrets = [one["rotated"].split(",")[0].partition(":")[2] for one in told]
    assert secrets[0] != secrets[1]
    assert all(len(secret) >= 43 for secret in secrets)
    assert not any(secret in caplog.text for secret in [*secrets, "sixteen characters"])


def test_another_ring_is_refused():
    result = CliRunner().invoke(application, ["rotate", "api"], env=PRESENT)
    assert result.exit_code == 2
