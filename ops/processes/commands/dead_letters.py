"""Commands over the topic of dead letters: list, replay."""

from collections.abc import AsyncIterator

from ops.processes.commands.port import Arguments, CommandFailed, Event
from ops.processes.platform import Platform
from storage.log.dead_letters import Letter, NotReplayable, newest
from storage.log.dead_letters import replay as put_back


async def list_letters(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """The newest `limit` letters that fit the filters, oldest first."""
    found = await newest(
        platform.log, int(arguments["limit"]), topic=arguments.get("topic"), reason=arguments.get("reason")
    )
    for letter in found:
        yield _shown(letter)


async def replay(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Append the original bytes of the letters at `offsets` to their source topics again."""
    offsets = [int(offset) for offset in arguments["offsets"]]
    try:
        positions = await put_back(platform.log, offsets)
    except NotReplayable as refusal:
        raise CommandFailed(str(refusal)) from None
    for offset, position in zip(offsets, positions, strict=True):
        yield {"offset": offset, "now_partition": position.partition, "now_offset": position.offset}


def _shown(found: Letter) -> Event:
    letter = found.letter
    return {
        "offset": found.offset,
        "source": f"{letter.topic}-{letter.partition}@{letter.offset}",
        "reason": letter.reason,
        "text": letter.text,
        "processor": letter.processor,
        "key": (letter.key or b"").decode(errors="replace"),
        "value": (letter.value or b"").decode(errors="replace"),
        "stack_hash": letter.stack_hash,
        "ts": letter.ts,
    }
