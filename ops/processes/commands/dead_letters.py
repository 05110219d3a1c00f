"""Commands over the topic of dead letters: list, replay."""

from collections.abc import AsyncIterator
from dataclasses import asdict

from ops.processes.commands.port import Arguments, CommandFailed, Event
from ops.processes.platform import Platform
from storage.log.dead_letters import list_dead_letters, replay_dead_letters
