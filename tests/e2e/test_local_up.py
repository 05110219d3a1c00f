"""The local profile as a newcomer meets it: one command, pasted commands, a clean end."""

import json
import os
import signal
import stat
import subprocess
import sys
import time

import httpx
import pytest

from tests.e2e.people_path import be_refused, local_hub, stands_nowhere, walk_as_user

ASSET_CLASSES = {"equity", "fx", "crypto", "futures", "metals", "prediction", "index"}


def test_the_json_line_has_the_shape_that_scripts_rely_on(local_up) -> None:
    assert set(local_up.line) >= {"http", "ws", "ops", "inbox", "demo"}
    assert set(local_up.line["demo"]) == {"api_key", "api_secret", "tenant_id", "account_id", "user", "admin"}
    assert local_up.line["ws"].endswith("/v1/ws")
    assert local_up.line["inbox"].startswith(local_up.line["ops"])
    assert all(set(local_up.line["demo"][who]) == {"email", "password"} for who in ("user", "admin"))


def test_the_file_holds_the_same_line_for_this_user_alone(local_up) -> None:
    path = local_up.processes.folder / ".omniaxs" / "up.json"
    assert json.loads(path.read_text()) == local_up.line
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pasted_signed_request_is_answered(local_up) -> None:
    signed = local_up.processes.run("sign", "--curl", "GET", "/v1/quotes?symbols=BTCUSDT.BINANCE&depth=20")
    assert signed.returncode == 0, signed.stderr
    answer = subprocess.run(["sh", "-c", signed.stdout], capture_output=True, text=True, check=True)
    [quote] = json.loads(answer.stdout)["data"]["quotes"]
    assert quote["symbol"] == "BTCUSDT.BINANCE"
    assert len(quote["bids"]) == 20


def test_a_pasted_subscription_shows_all_seven_asset_classes_moving(local_up) -> None:
    classes = _classes_by_symbol(local_up)
    seen = local_up.processes.run("ws", "--json", "--count", "400", "quotes.*", seconds=60)
    assert seen.returncode == 0, seen.stderr
    messages = [json.loads(line) for line in seen.stdout.splitlines()]
    moving = {classes[message["data"]["symbol"]] for message in messages if message.get("type") == "update"}
    assert moving == ASSET_CLASSES


def test_bars_follow_the_trades(local_up) -> None:
    deadline = time.monotonic() + 20
    bars: list = []
    while not bars and time.monotonic() < deadline:
        bars = _signed(local_up, "/v1/bars?symbol=BTCUSDT.BINANCE&timeframe=1m")["data"]["bars"]
    assert bars
    assert bars[-1]["trades"] > 0


def test_commands_run_inside_the_running_process(local_up) -> None:
    run = local_up.processes.run
    tail = run("topics", "tail", "trades", "--count", "3", "--json")
    assert [json.loads(line)["partition"] >= 0 for line in tail.stdout.splitlines()] == [True] * 3, tail.stderr
    assert run("topics", "apply").returncode == 0
    assert run("db", "check").returncode == 0
    assert run("dead-letters", "list").returncode == 0
    made = json.loads(run("keys", "create", "--tenant-name", "Another", "--json").stdout)
    listed = run("keys", "list", "--tenant-id", made["tenant_id"], "--json").stdout
    assert json.loads(listed)["status"] == "active"
    revoked = json.loads(run("keys", "revoke", made["key_id"], "--json").stdout)
    assert revoked["status"] == "revoked"
    assert "api_secret" not in listed
    local_up.secrets[f"secret of {made['key_id']}"] = made["api_secret"]


def test_a_replay_that_meets_a_living_feed_ends_with_75_and_names_its_holder(local_up, tmp_path) -> None:
    recorded = tmp_path / "own.csv"
    recorded.write_text("ts,price,quantity\n1700000000000,1,1\n")
    columns = "ts=ts,price=price,quantity=quantity"
    met = local_up.processes.run(
        "feed", "replay", str(recorded), "--columns", columns, "--symbol", "BTCUSDT.BINANCE", "--json"
    )
    assert met.returncode == 75, met.stderr
    assert "BTCUSDT.BINANCE is published by synthetic" in met.stderr


def test_the_ops_port_tells_health_readiness_and_metrics(local_up) -> None:
    ops = httpx.Client(base_url=local_up.line["ops"])
    assert ops.get("/healthz").json() == {"status": "ok"}
    until = time.monotonic() + 20
    while (said := ops.get("/readyz").json()) != {"ready": True, "problems": {}}:  # quotes lag on a busy machine
        assert time.monotonic() < until, said
        time.sleep(0.2)
    text = ops.get("/metrics").text
    assert "omniaxs_feed_published_total" in text
    assert ops.post("/commands/keys.create", json={}).status_code == 401


def test_no_secret_is_ever_logged(local_up) -> None:
    """Neither what this module's other tests sent and got, nor what a person's way in brings, nor what is refused."""
    hub, super_admin = local_hub(local_up.line, local_up.secrets)
    demo = local_up.line["demo"]
    hub.secrets |= {
        "demonstration's secret": demo["api_secret"],
        "demonstration's password": demo["user"]["password"],
        "ops token": local_up.line["ops_token"],
    }
    super_admin.log_in()
    be_refused(hub, walk_as_user(hub), demo["api_key"])

    kinds = ("password of", "code", "access_token of", "refresh_token of", "signature", "secret of", "wrong password")
    assert [kind for kind in kinds if not any(what.startswith(kind) for what in hub.secrets)] == []
    stands_nowhere(hub, logs=local_up.processes.logs())


def test_a_second_one_on_the_same_port_refuses_in_one_line(local_up, tmp_path) -> None:
    port = local_up.line["http"].rpartition(":")[2]
    refused = subprocess.run(
        [sys.executable, "-m", "ops.cli", "up", "--port", port, "--ops-port", "0"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 69
    assert [line for line in refused.stderr.splitlines() if not line.startswith("{")] == [
        f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port"
    ]


def test_without_a_running_process_a_command_says_so_in_one_line(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "topics", "apply"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 69
    assert len(done.stderr.splitlines()) == 1
    assert "omniaxs up" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value", "named", "exit_code"),
    [
        ("OMNIAXS_LOG_URL", "kafka://127.0.0.1:9", "127.0.0.1:9", 69),
        ("OMNIAXS_STORE_URL", "mongodb://127.0.0.1:9", "OMNIAXS_LOG_URL", 78),
        ("OMNIAXS_LOGURL", "memory://", "OMNIAXS_LOG_URL", 78),
    ],
)
def test_a_missing_dependency_or_wrong_setting_refuses_to_start_readably(
    tmp_path, variable, value, named, exit_code
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", "up"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "OMNIAXS_PORT": "0", "OMNIAXS_OPS_PORT": "0", variable: value},
    )  # fmt: skip
    assert done.returncode == exit_code
    last = done.stderr.splitlines()[-1]
    assert named in last
    assert "Traceback" not in done.stderr


def test_sigterm_drains_and_removes_the_file(tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("drain")
    up = subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "up", "--json", "--port", "0", "--ops-port", "0", "--feed", "none"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert up.stdout is not None
    json.loads(up.stdout.readline())
    assert (folder / ".omniaxs" / "up.json").exists()
    up.send_signal(signal.SIGTERM)
    assert up.wait(20) == 0
    assert not (folder / ".omniaxs" / "up.json").exists()


def _signed(local_up, target: str) -> dict:
    headers = json.loads(local_up.processes.run("sign", "GET", target).stdout)
    local_up.secrets[f"signature {len(local_up.secrets)}"] = headers["X-PM-SIGNATURE"]
    answer = local_up.http.get(target, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _classes_by_symbol(local_up) -> dict[str, str]:
    items = _signed(local_up, "/v1/markets?page_size=500")["data"]["items"]
    return {item["symbol"]: item["asset_class"] for item in items}
