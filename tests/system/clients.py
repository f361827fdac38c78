"""Clients as people are: told to come back, they do."""

import time
from typing import Any

import httpx

PATIENCE = 10
"""How often somebody who is told to come back does so, before giving up."""

SPARE = 2
"""Requests of a test that may be told to, for a busy machine stalls now and then; what a test does to the system must
not be the reason.
"""


class Client(httpx.Client):
    """Sends a request again when the answer says when to (503, `Retry-After`) and nothing was done, and notes that.

    Of bytes nginx says so, too, when it failed to get them. A broken connection and all other faults are passed on.
    """

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=60)
        self.returns: list[str] = []
        """What was told to come back, and why."""

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """The answer, in the end."""
        answer = super().send(request, **options)
        for _ in range(PATIENCE):
            if not _nothing_was_done(answer):
                break
            self.returns.append(f"{request.method} {request.url.path}: {answer.text}")
            time.sleep(float(answer.headers["retry-after"]))
            answer = super().send(request, **options)
        return answer


def _nothing_was_done(answer: httpx.Response) -> bool:
    is_refused = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in answer.headers
    return is_refused and "not known" not in answer.text
