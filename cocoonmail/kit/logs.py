"""Log lines for programs: one JSON object a line, whatever a message, a warning or a crash has to say."""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
_said = {"process": ""}


class JsonLines(logging.Formatter):
    """time (UTC), level, logger, message, process, pid, thread; request_id and exception where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without the line end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": _said["process"],
            "pid": os.getpid(),
            "thread": record.threadName,
        }
        if request_id := getattr(record, "request_id", "") or REQUEST_ID.get():
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def speak_for(process: str) -> None:
    """What the lines of this process say that it is."""
    _said["process"] = process


def log_what_python_prints() -> None:
    """Have warnings, and exceptions that nobody caught, logged: by itself Python prints them in lines of its own."""
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    log.critical("Nobody caught this: the process ends", exc_info=(kind, error, trace))


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        name = args.thread.name if args.thread is not None else "?"
        found = (args.exc_type, args.exc_value, args.exc_traceback)
        log.critical("Nobody caught this: the thread %s ends", name, exc_info=found)
