"""Clients as people are: told to come back, they do."""

import time

import httpx

PATIENCE = 10
"""How often somebody who is told to come back does so, before giving up."""


class Returning(httpx.BaseTransport):
    """Sends a request again when the answer is a 503 that says when to (`Retry-After`): a service may do so when it has
    too much to do, as on a machine where other things run, too.

    What the gateway fails to deliver (502, 504, a broken connection) and any other fault is passed on at once.
    """

    def __init__(self) -> None:
        self._transport = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(PATIENCE):
            answer = self._transport.handle_request(request)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or "retry-after" not in answer.headers:
                break
            answer.read()
            time.sleep(float(answer.headers["retry-after"]))
        return answer

    def close(self) -> None:
        self._transport.close()


def open_client(url: str) -> httpx.Client:
    """A client of the system at an address."""
    return httpx.Client(base_url=url, timeout=60, transport=Returning())
