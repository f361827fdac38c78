"""How each kind of cache is told to forget everything that carries one of some tags, as data.

Answers with images carry their tag, the image's id, as `Surrogate-Key` and as `Cache-Tag`.

    Varnish     https://varnish-cache.org/docs/7.1/users-guide/purging.html, as `deploy/varnish/default.vcl` reads it
    Fastly      https://www.fastly.com/documentation/reference/api/purging/#bulk-purge-tag
    Cloudflare  https://developers.cloudflare.com/api/resources/cache/methods/purge/
    CloudFront  https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html; it is told paths
    a hook      POST {"tags": [...]}, with `Authorization: Bearer <token>` where there is a token
"""

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

Tags = Sequence[str]

JSON = {"content-type": "application/json"}


class Call(msgspec.Struct, frozen=True):
    """One HTTP request."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


Calls = Callable[[Tags], Call]


def calls_to(address: str, token: str) -> Calls:
    """How to tell the cache at an address; see `CdnConfig`."""
    scheme = address.partition(":")[0]
    name = urlsplit(address).netloc
    known: dict[str, Calls] = {
        "varnish": partial(varnish, name),
        "fastly": partial(fastly, name, token),
        "cloudflare": partial(cloudflare, name, token),
        "cloudfront": partial(cloudfront, name, token),
    }
    return known.get(scheme) or partial(hook, address, token)


def varnish(authority: str, tags: Tags) -> Call:
    """One ban for all tags."""
    return Call("PURGE", f"http://{authority}/", {"surrogate-key": " ".join(tags)})


def fastly(service: str, token: str, tags: Tags) -> Call:
    """A bulk purge."""
    headers = {"fastly-key": token, "surrogate-key": " ".join(tags), "accept": "application/json"}
    return Call("POST", f"https://api.fastly.com/service/{service}/purge", headers)


def cloudflare(zone: str, token: str, tags: Tags) -> Call:
    """A purge by tags."""
    url = f"https://api.cloudflare.com/client/v4/zones/{zone}/purge_cache"
    return Call("POST", url, {"authorization": f"Bearer {token}"} | JSON, msgspec.json.encode({"tags": tags}))


def cloudfront(distribution: str, token: str, tags: Tags) -> Call:
    """An invalidation of all paths below the images, signed."""
    access, _, secret = token.partition(":")
    paths = "".join(f"<Path>/api/v1/images/{tag}/*</Path>" for tag in tags)
    body = (
        '<InvalidationBatch xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/">'
        f"<Paths><Quantity>{len(tags)}</Quantity><Items>{paths}</Items></Paths>"
        f"<CallerReference>{uuid4()}</CallerReference></InvalidationBatch>"
    ).encode()
    url = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{distribution}/invalidation"
    request = AWSRequest("POST", url, headers={"content-type": "application/xml"}, data=body)
    SigV4Auth(Credentials(access, secret), "cloudfront", "us-east-1").add_auth(request)
    return Call("POST", url, dict(request.headers.items()), body)


def hook(url: str, token: str, tags: Tags) -> Call:
    """Whatever somebody has put there."""
    who = {"authorization": f"Bearer {token}"} if token else {}
    return Call("POST", url, JSON | who, msgspec.json.encode({"tags": tags}))
