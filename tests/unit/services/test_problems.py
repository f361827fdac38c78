import logging
from types import SimpleNamespace

from contracts.errors import Unavailable
from services.shared.problems import answer_exception


def test_an_outage_is_logged_with_its_cause_in_one_line(caplog):
    """Each request of an outage would otherwise log the same traceback."""
    error = Unavailable()
    error.__cause__ = ConnectionRefusedError("nobody there")
    with caplog.at_level(logging.WARNING):
        answer = answer_exception(SimpleNamespace(method="GET", scope={"path": "/api/v1/images"}), error)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    (record,) = caplog.records
    assert "nobody there" in record.message
    assert record.exc_info is None
