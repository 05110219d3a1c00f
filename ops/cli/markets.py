"""`omniaxs markets`: load reference data, and make the built-in calendars again."""

from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ops.cli.platform_command import run_command
from ops.processes.commands.port import EXIT_DATA, CommandFailed
from storage.reference_data.builtin import CALENDARS, INSTRUMENTS
from storage.reference_data.calendar_files import read_calendars, write_calendars
from storage.reference_data.instrument_files import MalformedReferenceFile, read_instruments

application = typer.Typer(no_args_is_help=True)
_JSON = typer.Option(False, "--json", help="One JSON object.")
_console = Console(soft_wrap=True)


@application.command()
def load(
    file: Path | None = typer.Argument(None, help="A .yaml or .csv file of instruments; without one the built-in set."),
    as_json: bool = _JSON,
) -> None:
    """Make the stored instruments and calendars equal to a file's (or the built-in) set. A wrong file changes nothing."""
    path = file or INSTRUMENTS
    calendars = read_calendars(CALENDARS)
    try:
        instruments = read_instruments(path, {calendar.name for calendar in calendars})
    except MalformedReferenceFile as error:
        raise CommandFailed(str(error), EXIT_DATA) from None
    except OSError as error:
        raise CommandFailed(f"{path}: {error.strerror}", EXIT_DATA) from None
    arguments = {
        "instruments": [instrument.model_dump(mode="json") for instrument in instruments],
        "calendars": [calendar.model_dump(mode="json") for calendar in calendars],
    }
    run_command("markets.load", arguments, _show_loaded, as_json=as_json)


@application.command()
def calendars(
    output: Path = typer.Option(CALENDARS, help="Where to write; the built-in file by default."),
    as_json: bool = _JSON,
) -> None:
    """Make the built-in calendars again from the exchange_calendars library and the venues' own hours."""
    from storage.reference_data.calendar_generation import generate_calendars  # noqa: PLC0415  (imports pandas)

    made = generate_calendars()
    write_calendars(output, made)
    if as_json:
        _console.print_json(data={"file": str(output), "calendars": [calendar.name for calendar in made]})
    else:
        _console.print(
            f"{output}: {len(made)} calendars, {made[-1].first_date} to {made[-1].last_date}", highlight=False
        )


def _show_loaded(event: dict[str, Any]) -> None:
    _console.print(f"{event['instruments']} instruments, {event['calendars']} calendars loaded", highlight=False)
    if event["without_conversion"]:
        currencies = ", ".join(event["without_conversion"])
        _console.print(f"no pair leads from {currencies} to USD: orders in it will be refused", highlight=False)
