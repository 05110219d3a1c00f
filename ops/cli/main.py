"""`omniaxs`: every command of the product, one file a group."""

import sys

import typer

from ops.cli import (
    accounts,
    bars,
    client,
    connectors,
    dead_letters,
    doctor,
    feed,
    halt,
    keys,
    markets,
    orders,
    run,
    store,
    topics,
)
from ops.cli import settings as settings_command
from ops.processes.commands.port import EXIT_UNAVAILABLE, CommandFailed
from ops.processes.platform import NotSetUp
from ops.processes.serving import AddressTaken
from ops.runtime.settings import SettingsError
from storage.log.port import LogUnavailable
from storage.mongo.connect import StoreUnavailable

EXIT_CONFIGURATION = 78

application = typer.Typer(
    name="omniaxs",
    help="Streaming market-data and trading gateway.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
run.mount(application)
application.add_typer(feed.application, name="feed", help="Publish market data.")
application.add_typer(bars.application, name="bars", help="Bars of recorded trades.")
application.add_typer(topics.application, name="topics", help="Topics of the log.")
application.add_typer(store.application, name="db", help="The store: migrations, checks, rebuilds.")
application.add_typer(markets.application, name="markets", help="Reference data.")
application.add_typer(halt.application, name="halt", help="The kill switch: halts of trading.")
application.add_typer(connectors.application, name="connectors", help="Links to venues, and faults of simulated ones.")
application.add_typer(keys.application, name="keys", help="API keys and the encryption key ring.")
application.add_typer(accounts.application, name="accounts", help="Trading accounts.")
application.add_typer(orders.application, name="orders", help="Orders, fills and positions of an API key.")
application.add_typer(dead_letters.application, name="dead-letters", help="Records that no processor could take.")
client.mount(application)
settings_command.mount(application)
doctor.mount(application)


def main() -> None:
    """The console script. A refusal is one readable line on standard error and an exit code that says its kind."""
    try:
        application()
    except (SettingsError, NotSetUp) as error:
        _fail(str(error), EXIT_CONFIGURATION)
    except CommandFailed as error:
        _fail(str(error), error.exit_code)
    except (LogUnavailable, StoreUnavailable, AddressTaken) as error:
        _fail(str(error), EXIT_UNAVAILABLE)


def _fail(text: str, exit_code: int) -> None:
    sys.stderr.write(text + "\n")
    raise SystemExit(exit_code)
