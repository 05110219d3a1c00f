"""The built-in reference data: instruments of all seven asset classes and the calendars that they name."""

from pathlib import Path

from storage.reference import ReferenceData
from storage.reference_data.calendar_files import read_calendars
from storage.reference_data.instrument_files import read_instruments

FOLDER = Path(__file__).parent
CALENDARS = FOLDER / "calendars.yaml"
INSTRUMENTS = FOLDER / "instruments.yaml"


def load_builtin() -> ReferenceData:
    """Instruments and calendars that come with the package (a new copy at each call; about 0.1 s)."""
    calendars = read_calendars(CALENDARS)
    names = {calendar.name for calendar in calendars}
    return ReferenceData.of(read_instruments(INSTRUMENTS, names), calendars)
