"""One JSON object per line on stderr.

    {"time":"2026-05-04T03:02:01.123Z","level":"info","process":"read-1","logger":"services.read","message":"...",
     "request_id":"...","exception":"..."}

The last two are there only when they mean something. Lines are bounded, and what looks like a
secret is blotted out whoever logged it.
"""

import logging
import re
import sys
from datetime import UTC, datetime

import msgspec

from infrastructure.telemetry.config import Level
from infrastructure.telemetry.request_id import request_id

MAX_MESSAGE = 4_000
MAX_EXCEPTION = 8_000
"""Characters kept: of a message its beginning, of a traceback its end, where the error is."""

_SECRETS = re.compile(
    r"(://[^/\s:@]*:)[^/\s]+(?=@)"  # a password in a URL
    r"|((?:delete_token|X-Amz-Signature|X-Amz-Credential|X-Amz-Security-Token)=)[^&\s\"']+"
    r"|((?:Bearer|X-Delete-Token:) +)\S+",
    re.IGNORECASE,
)


class Line(msgspec.Struct, omit_defaults=True):
    """One line; the field names are what log collectors rely on."""

    time: str
    level: str
    process: str
    logger: str
    message: str
    request_id: str | None = None
    exception: str | None = None


class JsonFormatter(logging.Formatter):
    """Formats records as `Line`s for the process `name`."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._process = name

    def format(self, record: logging.LogRecord) -> str:
        """A line without its newline. Never raises on what a record holds."""
        line = Line(
            time=_time(record.created),
            level=record.levelname.lower(),
            process=self._process,
            logger=record.name,
            message=_clean(_message(record)[:MAX_MESSAGE]),
            request_id=request_id.get(),
            exception=self._exception(record),
        )
        return msgspec.json.encode(line).decode()

    def _exception(self, record: logging.LogRecord) -> str | None:
        if not record.exc_info or record.exc_info[0] is None:
            return None
        return _clean(self.formatException(record.exc_info)[-MAX_EXCEPTION:])


def configure(name: str, level: Level = "info") -> None:
    """Sends every logger of this process to stderr as JSON, uvicorn's and Python's warnings too.

    Run uvicorn with `log_config=None`. Its access log stays off: nginx writes one, without queries.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(name))
    logging.raiseExceptions = False  # a log line that can't be written must not take a request with it
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for child in ("uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi"):
        logger = logging.getLogger(child)
        logger.handlers = []
        logger.propagate = child != "uvicorn.access"


def _message(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - wrong arguments in a log call are worth a line, not an error
        message = f"{record.msg} {record.args}"
    return message.encode(errors="replace").decode()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _clean(text: str) -> str:
    return _SECRETS.sub(lambda match: f"{match[1] or match[2] or match[3]}***", text)
