"""A log line is one JSON object, bounded, joined to its request, and holds no secret."""

import io
import json
import logging
import sys
import warnings
from contextlib import contextmanager

import pytest

from infrastructure.telemetry.logs import MAX_EXCEPTION, MAX_MESSAGE, JsonFormatter, configure
from infrastructure.telemetry.request_id import choose, request_id


def line(message, *args, exc_info=None):
    record = logging.LogRecord("a.b", logging.INFO, __file__, 1, message, args, exc_info)
    text = JsonFormatter("read-1").format(record)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_says_when_who_and_what():
    """Time in UTC, level, process, logger and message are always there, and nothing else."""
    got = line("hello %s", "you")
    assert got.pop("time").endswith("Z")
    assert got == {"level": "info", "process": "read-1", "logger": "a.b", "message": "hello you"}


def test_a_line_carries_its_request_id():
    """What is logged while a request is worked on can be found by the request's id."""
    token = request_id.set("abc")
    try:
        assert line("x")["request_id"] == "abc"
    finally:
        request_id.reset(token)


def test_an_exception_is_one_field_of_the_line():
    """A traceback doesn't spread over lines, and its end survives the limit."""
    error = ValueError("x" * MAX_EXCEPTION + "the end")
    got = line("failed", exc_info=(ValueError, error, None))["exception"]
    assert len(got) == MAX_EXCEPTION
    assert got.endswith("the end")


def test_a_line_is_bounded():
    """One huge message can't fill the log."""
    assert len(line("x" * 10 * MAX_MESSAGE)["message"]) == MAX_MESSAGE


@pytest.mark.parametrize(("message", "args"), [("%d", ("x",)), ("\ud800", ())])
def test_a_message_that_cannot_be_formatted_is_still_a_line(message, args):
    """A wrong argument or a broken character costs legibility, not the line."""
    assert line(message, *args)["message"]


@pytest.mark.parametrize(
    "text",
    [
        "redis://:SECRET@h:1/0",
        "postgresql://u:SE@CRET@h/db",
        "nats://u:SECRET@h:1,nats://u:SECRET@h:2",
        "GET /x?delete_token=SECRET&a=1",
        "http://h/b?X-Amz-Signature=SECRET",
        "Authorization: Bearer SECRET",
        "X-Delete-Token: SECRET",
    ],
)
def test_secrets_are_blotted_out(text):
    """Passwords in URLs, tokens and signatures never reach the log, in messages or in tracebacks."""
    got = line(text, exc_info=(ValueError, ValueError(text), None))
    assert not any(part in json.dumps(got) for part in ("SECRET", "CRET"))
    assert "***" in got["message"]


@contextmanager
def configured(level):
    """`configure` with stderr replaced; whatever it changed is put back."""
    names = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    stderr, raising, out = sys.stderr, logging.raiseExceptions, io.StringIO()
    sys.stderr = out
    try:
        configure("write-2", level)
        yield lambda: [json.loads(text) for text in out.getvalue().splitlines()]
    finally:
        sys.stderr, logging.raiseExceptions = stderr, raising
        logging.captureWarnings(capture=False)
        for logger, handlers, was, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(was)


def test_all_loggers_speak_json_after_configure():
    """uvicorn's own loggers and Python's warnings come out as lines like ours; its access log is silent."""
    logging.getLogger("uvicorn.error").addHandler(logging.StreamHandler(sys.stdout))
    with configured("info") as lines, warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.getLogger("uvicorn.error").info("started")
        logging.getLogger("uvicorn.access").info("GET /?delete_token=x")
        logging.getLogger("services.write").debug("too much")
        warnings.warn("careful", stacklevel=1)
        got = lines()
    assert [(item["logger"], item["process"]) for item in got] == [
        ("uvicorn.error", "write-2"),
        ("py.warnings", "write-2"),
    ]


def test_the_level_decides_what_is_said():
    """With `debug` the details come too."""
    with configured("debug") as lines:
        logging.getLogger("services.write").debug("detail")
        assert [item["level"] for item in lines()] == ["debug"]


def test_a_sane_request_id_is_kept_and_any_other_replaced():
    """What a client offers goes into logs and headers, so only harmless ids are taken over."""
    assert choose("Ab-1.2_3") == "Ab-1.2_3"
    for offered in (None, "", "x" * 65, "a b", "a\r\nb", "é", "a\n"):
        assert choose(offered, new=lambda: "fresh") == "fresh"
    assert len(choose(None)) == 32
