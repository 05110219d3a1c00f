"""`omniaxs`: every command of the product, one file a group.

Only the group that is asked for is imported: all of them together are most of the product, and take two seconds.
"""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Final

import typer

from ops.processes.commands.port import EXIT_UNAVAILABLE, CommandFailed

EXIT_CONFIGURATION: Final = 78
_COMMANDS: Final = {
    "up": ("up",),
    "gateway": ("gateway",),
    "streams": ("streams",),
    "workers": ("workers",),
    "client": ("sign", "ws"),
    "settings": ("settings",),
    "doctor": ("doctor",),
}
_GROUPS: Final = {
    "feed": ("feed", "Publish market data."),
    "bars": ("bars", "Bars of recorded trades."),
    "topics": ("topics", "Topics of the log."),
    "db": ("store", "The store: migrations, checks, rebuilds."),
    "markets": ("markets", "Reference data."),
    "halt": ("halt", "The kill switch: halts of trading."),
    "connectors": ("connectors", "Links to venues, and faults of simulated ones."),
    "admin": ("admin", "The people of the platform."),
    "audit": ("audit", "The audit trail."),
    "keys": ("keys", "API keys and the encryption key ring."),
    "accounts": ("accounts", "Trading accounts."),
    "orders": ("orders", "Orders, fills and positions of an API key."),
    "dead-letters": ("dead_letters", "Records that no processor could take."),
}


def build(arguments: Sequence[str]) -> typer.Typer:
    """The commands that `arguments` can mean: one group where they begin with its name, else all."""
    application = typer.Typer(
        name="omniaxs",
        help="Streaming market-data and trading gateway.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    application.callback()(_nothing)  # so that a single command is still called by its name
    first = arguments[0] if arguments else ""
    only = first in _GROUPS or any(first in names for names in _COMMANDS.values())
    for module, names in _COMMANDS.items():
        if not only or first in names:
            _imported(module).mount(application)
    for name, (module, text) in _GROUPS.items():
        if not only or first == name:
            application.add_typer(_imported(module).application, name=name, help=text)
    return application


def _imported(module: str) -> ModuleType:
    """Its group of commands. Nothing of what is imported is ever garbage, and looking for that is a tenth of the time."""
    gc.disable()
    try:
        return import_module(f"ops.cli.{module}")
    finally:
        gc.freeze()
        gc.enable()


def _nothing() -> None: ...


def main() -> None:
    """The console script. A refusal is one readable line on standard error and an exit code that says its kind."""
    try:
        build(sys.argv[1:])()
    except CommandFailed as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        if (code := _exit_code_of(error)) is None:
            raise
        _fail(str(error), code)


def _exit_code_of(error: Exception) -> int | None:
    """Of what a person can mend; None for a bug. What can be raised is imported by now, so this costs nothing before."""
    from ops.processes.platform import NotSetUp  # noqa: PLC0415
    from ops.processes.serving import AddressTaken  # noqa: PLC0415
    from ops.runtime.settings import SettingsError  # noqa: PLC0415
    from storage.log.port import LogUnavailable  # noqa: PLC0415
    from storage.mongo.connect import StoreUnavailable  # noqa: PLC0415

    if isinstance(error, SettingsError | NotSetUp):
        return EXIT_CONFIGURATION
    return EXIT_UNAVAILABLE if isinstance(error, LogUnavailable | StoreUnavailable | AddressTaken) else None


def _fail(text: str, exit_code: int) -> None:
    sys.stderr.write(text + "\n")
    raise SystemExit(exit_code)
