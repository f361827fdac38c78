"""A shard in a bucket of any S3-compatible server.

Five operations are used: PutObject, GetObject, HeadObject, DeleteObject and ListObjectsV2, by
path, never by virtual host. Calls are signed by botocore and carried by aiobotocore's HTTP
session, without its client: that one takes twice the CPU per PUT (it resolves an endpoint, emits
a dozen events and parses an empty answer) and 13 MB of service model per endpoint.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote, unquote
from xml.etree import ElementTree

import msgspec
from aiobotocore.httpsession import AIOHTTPSession
from botocore.awsrequest import AWSPreparedRequest, HTTPHeaders
from botocore.exceptions import BotoCoreError

from contracts.errors import ObjectMissing, Refused
from infrastructure.storage.config import Bucket, Deadlines
from infrastructure.storage.payload import View
from infrastructure.storage.shard import ObjectInfo, ShardFailed, ShardMisconfigured, checked, checked_prefix, is_key
from infrastructure.storage.sign import Signer

_CODE = re.compile(rb"<Code>(\w+)</Code>")
_FORBIDDEN = 403
_ABSENT = 404
_NO_FILE = frozenset({400, 404, 414})
"""What is said of a name that no object has, or that is too long for one."""


class Answer(msgspec.Struct, frozen=True):
    """What a server said: its status, the error code in its body if there is one, and the rest.

    The entity tag is without its quotes. Of an object that was put in one piece it is the MD5, on most servers
    (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html).
    """

    status: int
    length: int
    body: bytes
    etag: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the call was done."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """S3's name of the error, empty when the body has none."""
        found = _CODE.search(self.body)
        return found[1].decode() if found else ""

    @property
    def says_absent(self) -> bool:
        """Whether the bucket is there and the object isn't."""
        return self.status == _ABSENT and self.code != "NoSuchBucket"


class Page(msgspec.Struct, frozen=True):
    """A part of a listing, and the token with which to ask for the next one."""

    objects: tuple[ObjectInfo, ...]
    token: str | None


class BucketShard:
    """`Shard` in a bucket. `http` may be shared by all buckets of a server, so that its connections are."""

    def __init__(self, address: Bucket, *, http: AIOHTTPSession, signer: Signer, deadlines: Deadlines) -> None:
        self.name = address.name
        self._address = address
        self._http = http
        self._signer = signer
        self._deadlines = deadlines

    async def put(self, key: str, body: memoryview, content_type: str) -> str:
        """`Shard.put`. What durable means is the server's business: run it with fsync on."""
        payload = View(body, content_type)
        return self._expect(await self._call("PUT", f"/{checked(key)}", self._deadlines.put, payload=payload)).etag

    async def get(self, key: str) -> bytes:
        """`Shard.get`."""
        answer = await self._call("GET", f"/{checked(key)}", self._deadlines.get)
        if answer.says_absent:
            raise ObjectMissing
        return self._expect(answer).body

    async def read(self, name: str, limit: int) -> bytes | None:
        """An object of somebody else's, whose name is no key of ours: its bytes, or where they are more than `limit`
        one byte more than that; None when there is none. Raises `Refused` for one that is not for us.
        """
        path = f"/{quote(name, safe='')}"
        head = await self._call("HEAD", path, self._deadlines.small)
        if head.status in _NO_FILE:
            await self.ping()
            return None
        if (await self._expect_open(head, name)).length > limit:
            return bytes(limit + 1)
        answer = await self._call("GET", path, self._deadlines.get)
        return None if answer.says_absent else (await self._expect_open(answer, name)).body

    async def _expect_open(self, answer: Answer, name: str) -> Answer:
        if answer.status == _FORBIDDEN:
            await self.ping()
            raise Refused(f"{name} can't be read: the bucket refuses it ({answer.code or answer.status}).")
        return self._expect(answer)

    async def head(self, key: str) -> int | None:
        """`Shard.head`."""
        answer = await self._call("HEAD", f"/{checked(key)}", self._deadlines.small)
        if answer.status == _ABSENT:
            await self.ping()  # an answer to HEAD has no body, so it can't say that the bucket is gone
            return None
        return self._expect(answer).length

    async def delete(self, key: str) -> None:
        """`Shard.delete`."""
        answer = await self._call("DELETE", f"/{checked(key)}", self._deadlines.small)
        if not answer.says_absent:
            self._expect(answer)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """`Shard.list`, a thousand at a time."""
        params = {"list-type": "2", "encoding-type": "url", "prefix": checked_prefix(prefix)}
        while True:
            page = self._page(await self._call("GET", "", self._deadlines.list, params=params))
            for info in page.objects:
                yield info
            if page.token is None:
                return
            params["continuation-token"] = page.token

    async def ping(self) -> None:
        """`Shard.ping`: lists one object, which proves the bucket and our right to look into it."""
        answer = await self._call("GET", "", self._deadlines.ping, params={"list-type": "2", "max-keys": "1"})
        where = f"bucket {self._address.bucket} at {self._address.endpoint}"
        if answer.status == _ABSENT:
            raise ShardMisconfigured(self.name, f"there is no {where}")
        if answer.status == _FORBIDDEN:
            raise ShardMisconfigured(self.name, f"{where} refuses our keys ({answer.code})")
        self._page(answer)

    def _expect(self, answer: Answer) -> Answer:
        if not answer.is_good:
            raise ShardFailed(self.name, f"answered {answer.status} {answer.code}".rstrip())
        return answer

    def _page(self, answer: Answer) -> Page:
        try:
            return _page(self._expect(answer).body)
        except (ElementTree.ParseError, ValueError) as error:
            raise ShardFailed(self.name, f"sent something that is no listing: {error}") from error

    async def _call(
        self,
        method: str,
        path: str,
        deadline: float,
        *,
        params: Mapping[str, str] | None = None,
        payload: View | None = None,
    ) -> Answer:
        """One request. The driver repeats it once, at once, when a kept connection proves closed; nothing else does."""
        url = self._signer.url(method, self._address.endpoint, f"/{self._address.bucket}{path}", params)
        headers = HTTPHeaders()
        if payload:
            headers["Content-Type"] = payload.content_type
        # Any, because the stubs describe the classes of `requests` here, not these.
        request: Any = AWSPreparedRequest(method, url, headers, cast("Any", payload), stream_output=False)
        try:
            async with asyncio.timeout(deadline):
                response: Any = await self._http.send(request)
                body: bytes = await response.content
        except TimeoutError as error:
            raise ShardFailed(self.name, f"{method} had no answer within {deadline:g} s") from error
        except BotoCoreError as error:
            # Its text would hold the signed URL, so the cause is told by its class alone.
            raise ShardFailed(self.name, f"{method} failed: {type(error).__name__}") from None
        return Answer(
            status=response.status_code,
            length=int(response.headers.get("content-length", 0)),
            body=body,
            etag=response.headers.get("etag", "").strip('"'),
        )


def _page(body: bytes) -> Page:
    """Raises `ValueError` or `ParseError` unless it is a whole page: half a listing must not pass for all of it."""
    root = ElementTree.fromstring(body)  # noqa: S314 - our own shard's answer, and expat limits expansion
    if not root.tag.endswith("ListBucketResult"):
        raise ValueError(root.tag)
    token = root.findtext("{*}NextContinuationToken")
    if root.findtext("{*}IsTruncated") == "true" and not token:
        raise ValueError("it goes on, but not where")
    return Page(tuple(_objects(root)), token or None)


def _objects(root: ElementTree.Element) -> Iterator[ObjectInfo]:
    for item in root.iterfind("{*}Contents"):
        key = unquote(item.findtext("{*}Key", ""))
        if is_key(key):
            modified_at = datetime.fromisoformat(item.findtext("{*}LastModified", ""))
            yield ObjectInfo(key, int(item.findtext("{*}Size", "")), modified_at)
