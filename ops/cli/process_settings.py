"""What the commands that start processes share: settings with flags, and that log and store are outside the process."""

from typing import Final

from ops.processes.commands.port import CommandFailed
from ops.runtime.logs import configure_logs
from ops.runtime.settings import Settings, load_settings

EXIT_CONFIGURATION: Final = 78


def process_settings(role: str, **flags: int | None) -> Settings:
    """The settings, with the flags that were given; logs go out as they say. Raises `SettingsError`."""
    settings = load_settings()
    given = {name: value for name, value in flags.items() if value is not None}
    settings = settings.model_copy(update=given)
    configure_logs(settings.log_level, settings.log_format, role)
    return settings


def require_servers(settings: Settings, command: str) -> None:
    """A process alone on an in-process log would wait for records that nobody can send it: raises `CommandFailed`."""
    missing = []
    if settings.local_log:
        missing.append("OMNIAXS_LOG_URL=kafka://host:port")
    if settings.local_store:
        missing.append("OMNIAXS_STORE_URL=mongodb://host:port")
    if missing:
        raise CommandFailed(
            f"`omniaxs {command}` shares log and store with other processes: set {' and '.join(missing)} "
            "(or start everything in one process with `omniaxs up`)",
            EXIT_CONFIGURATION,
        )
