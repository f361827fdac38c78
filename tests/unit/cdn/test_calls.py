"""What each kind of cache is told."""

import json

import pytest

from infrastructure import env
from infrastructure.cdn.calls import calls_to
from infrastructure.cdn.config import CdnConfig

ONE, TWO = "0193f0a0-0000-7000-8000-000000000001", "0193f0a0-0000-7000-8000-000000000002"


def told(address, token=""):
    return calls_to(address, token)((ONE, TWO))


def test_varnish_gets_one_purge_with_all_keys():
    """The shipped configuration reads them from this header."""
    call = told("varnish://cache:6081")
    assert (call.method, call.url) == ("PURGE", "http://cache:6081/")
    assert call.headers == {"surrogate-key": f"{ONE} {TWO}"}


def test_fastly_gets_a_bulk_purge_with_its_token():
    """By surrogate keys."""
    call = told("fastly://SU1Z0isxPaozGVKXdv0eY", "secret")
    assert (call.method, call.url) == ("POST", "https://api.fastly.com/service/SU1Z0isxPaozGVKXdv0eY/purge")
    assert call.headers["fastly-key"] == "secret"
    assert call.headers["surrogate-key"] == f"{ONE} {TWO}"


def test_cloudflare_gets_tags_as_json():
    """With its token."""
    call = told("cloudflare://023e105f4ecef8ad9ca31a8372d0c353", "secret")
    assert call.url == "https://api.cloudflare.com/client/v4/zones/023e105f4ecef8ad9ca31a8372d0c353/purge_cache"
    assert call.headers["authorization"] == "Bearer secret"
    assert json.loads(call.body) == {"tags": [ONE, TWO]}


def test_cloudfront_gets_a_signed_invalidation_of_paths():
    """It knows no tags."""
    call = told("cloudfront://E2EXAMPLE", "AKIDEXAMPLE:secret")
    assert call.url == "https://cloudfront.amazonaws.com/2020-05-31/distribution/E2EXAMPLE/invalidation"
    assert f"<Path>/api/v1/images/{TWO}/*</Path>".encode() in call.body
    assert b"<Quantity>2</Quantity>" in call.body
    signature = call.headers["Authorization"]
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/us-east-1/cloudfront/aws4_request" in signature
    assert told("cloudfront://E2EXAMPLE", "a:b").body != call.body


def test_a_hook_gets_tags_as_json():
    """With a token only where there is one."""
    call = told("https://hooks.example/purge", "secret")
    assert (call.method, call.url, call.headers["authorization"]) == (
        "POST",
        "https://hooks.example/purge",
        "Bearer secret",
    )
    assert json.loads(call.body) == {"tags": [ONE, TWO]}
    assert "authorization" not in told("https://hooks.example/purge").headers


@pytest.mark.parametrize(
    "address",
    ["varnish://cache", "varnish://cache:none", "varnish://c:1/x", "akamai://x", "https://", "cache:6081", "fastly://"],
)
def test_an_address_that_leads_nowhere_stops_the_start(address):
    """The error names the variable."""
    with pytest.raises(env.ConfigError, match="CHITRAM_CDN"):
        env.read(CdnConfig, {"CHITRAM_CDN": f"varnish://cache:6081,{address}", "CHITRAM_CDN_TOKEN": "x"})


@pytest.mark.parametrize("variables", [{}, {"CHITRAM_CDN_TOKEN": "no colon"}])
def test_a_network_without_its_secret_stops_the_start(variables):
    """Fastly and Cloudflare want a token, CloudFront two keys."""
    with pytest.raises(env.ConfigError, match="CHITRAM_CDN_TOKEN"):
        env.read(CdnConfig, {"CHITRAM_CDN": "cloudfront://E2EXAMPLE"} | variables)


@pytest.mark.parametrize(
    "addresses",
    [
        "cloudfront://E2EXAMPLE,http://hook/p",
        "fastly://S,cloudflare://Z",
        "https://one.example/p,https://two.example/p",
        "https://hook.example/p,http://hook.example/p",
        "https://ann:password@hook.example/p",
    ],
)
def test_a_secret_goes_to_one_party_only(addresses):
    """Nobody is told what opens the account at another one. A hook takes a token or a password."""
    with pytest.raises(env.ConfigError, match="CHITRAM_CDN_TOKEN") as refused:
        env.read(CdnConfig, {"CHITRAM_CDN": addresses, "CHITRAM_CDN_TOKEN": "key:secret"})
    assert "secret" not in str(refused.value).replace("one secret can't", "")
    assert "ann:password" not in str(refused.value)


@pytest.mark.parametrize("addresses", ["varnish://a:6081,cloudfront://E1,cloudfront://E2", "https://h/a,https://h/b"])
def test_one_party_may_have_several_caches(addresses):
    """And Varnish may stand beside it, which is told no secret."""
    assert env.read(CdnConfig, {"CHITRAM_CDN": addresses, "CHITRAM_CDN_TOKEN": "key:secret"}).addresses


def test_several_caches_may_be_told():
    """Each by its own address."""
    config = env.read(CdnConfig, {"CHITRAM_CDN": "varnish://a:6081,varnish://[::1]:6081,https://hooks.example/p"})
    assert len(config.addresses) == 3
