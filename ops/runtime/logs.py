"""Structured logs on standard error: one JSON object a line (or text for people), with secrets redacted."""

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from ops.runtime.clock import SystemClock
from ops.runtime.noise import KafkaNoiseFilter

_SECRET_NAME = re.compile(
    r"secret|password|token|signature|authorization|otp|verification_code|api_key_ciphertext", re.IGNORECASE
)
_REDACTED = "[redacted]"
_NOISY = ("aiokafka", "faust", "mode", "hypercorn.access", "pymongo")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field whose name says that it is secret, at any depth."""
    for name, value in event.items():
        event[name] = _clean(name, value)
    return event


def _clean(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name):
        return _REDACTED
    if isinstance(value, dict):
        return {inner: _clean(str(inner), held) for inner, held in value.items()}
    if isinstance(value, list | tuple):
        return [_clean("", held) for held in value]
    return value


def configure_logs(
    level: Literal["debug", "info", "warning", "error"], form: Literal["json", "text"], role: str
) -> None:
    """Send everything that this process logs, ours and the libraries', through one redacting formatter."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(role=role)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    handler.addFilter(KafkaNoiseFilter(SystemClock()))
    threading.excepthook = _log_thread_end
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _log_thread_end(ended: threading.ExceptHookArgs) -> None:
    """A library's thread that ends by an exception is a log line as any other, not a bare traceback."""
    name = ended.thread.name if ended.thread else "?"
    logging.getLogger("threads").error("thread %s ended: %s: %s", name, ended.exc_type.__name__, ended.exc_value)
