"""As whom `sign`, `ws` and `orders` call: flags, then the environment, then the file of a running `omniaxs up`."""

import stat
from pathlib import Path

import pytest

from ops.cli.signing import Credentials, credentials
from ops.processes.commands.port import CommandFailed
from ops.processes.up_file import UP_FILE, Demo, Up, read_up_file, remove_up_file, write_up_file

UP = Up(
    "http://file",
    "ws://file/v1/ws",
    "http://ops",
    None,
    Demo("pmk_file", "secret of the file", "ten_1", "acc_1"),
    "token",
)
VARIABLES = {
    "OMNIAXS_URL": "http://environment",
    "OMNIAXS_API_KEY": "pmk_environment",
    "OMNIAXS_API_SECRET": "secret of the environment",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing runs here, and the environment says nothing."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_flags_come_before_the_environment_and_that_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_up_file(UP)
    assert credentials(None, None, None) == Credentials("http://file", "pmk_file", "secret of the file")
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert credentials(None, None, None) == Credentials(*VARIABLES.values())
    assert credentials("http://flag", "pmk_flag", None) == Credentials(
        "http://flag", "pmk_flag", VARIABLES["OMNIAXS_API_SECRET"]
    )


def test_without_any_it_ends_with_69_and_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIAXS_URL", "http://environment")
    with pytest.raises(CommandFailed, match=r"OMNIAXS_API_SECRET.*omniaxs up") as failed:
        credentials(None, None, None)
    assert failed.value.exit_code == 69


def test_the_file_is_of_this_user_alone_and_only_its_own_process_removes_it(folder: Path) -> None:
    write_up_file(UP)
    assert stat.S_IMODE((folder / UP_FILE).stat().st_mode) == 0o600
    other = Up("http://other", UP.ws, UP.ops, UP.inbox, UP.demo, UP.ops_token)
    remove_up_file(other)
    assert read_up_file() == UP
    remove_up_file(UP)
    assert read_up_file() is None
