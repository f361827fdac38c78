"""From a gateway to nginx.conf."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from infrastructure import env
from infrastructure.nginx.config import ProxyConfig
from infrastructure.nginx.problems import PROBLEMS
from infrastructure.nginx.render import MULTIPART_ROOM, Gateway, Tls, render

GATEWAY = Gateway(
    listen="127.0.0.1:8080",
    read=("r1:1", "r2:2"),
    write=("w1:3",),
    max_file_size=1000,
    state=Path("/state"),
    cache=Path("/cache"),
)


def test_nothing_is_left_to_fill_in():
    """Every name in the template has a value, and brackets are balanced."""
    text = render(GATEWAY)
    assert "@{" not in text
    assert text.count("{") == text.count("}")


def test_every_read_service_is_in_both_upstreams():
    """Round robin and least connections go over the same services."""
    text = render(GATEWAY)
    for name in ("read_round_robin", "read_least_busy"):
        (block,) = re.findall(rf"upstream {name} {{(.*?)}}", text, re.DOTALL)
        assert re.findall(r"server (\S+)", block) == ["r1:1", "r2:2"]


def test_names_are_resolved_again_where_there_is_a_resolver():
    """With a resolver, services may come and go behind their name."""
    assert "resolve" not in re.sub(r"#.*", "", render(GATEWAY)).replace("resolver", "")
    text = render(msgspec.structs.replace(GATEWAY, resolver="127.0.0.11"))
    assert "resolver 127.0.0.11 valid=1s" in text
    assert "server r1:1 resolve " in text


def test_form_may_be_longer_than_its_file():
    """nginx refuses what can't hold a file of the greatest size."""
    assert f"client_max_body_size {1000 + MULTIPART_ROOM};" in render(GATEWAY)


def test_every_problem_is_valid_json():
    """What nginx returns parses, whatever its sentences hold."""
    documents = [json.loads(text) for text in re.findall(r"return \d+ '(.*)';", render(GATEWAY))]
    assert [document["status"] for document in documents] == [problem.status for problem in PROBLEMS]
    assert all(document["code"] and document["detail"] for document in documents)


def test_cookies_stay_with_tls_where_there_is_some():
    """Without it browsers would not send them back at all."""
    assert "secure" not in render(GATEWAY)
    tls = Tls(listen="8443", certificate=Path("/c"), key=Path("/k"))
    assert "proxy_cookie_flags ~ secure;" in render(msgspec.structs.replace(GATEWAY, tls=tls))


def test_nobody_is_believed_but_trusted_proxies():
    """Without any, where a request came from is who has sent it."""
    assert "real_ip" not in render(GATEWAY)
    text = render(msgspec.structs.replace(GATEWAY, trusted=("10.0.0.0/8", "::1")))
    for line in ("set_real_ip_from 10.0.0.0/8;", "set_real_ip_from ::1;", "real_ip_recursive on;"):
        assert line in text
    assert "real_ip_header X-Forwarded-For;" in text


@pytest.mark.parametrize("proxies", ["proxy.example", "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.1;"])
def test_proxies_that_can_not_be_trusted_stop_the_start(proxies):
    """What is no network, and one in which everybody is."""
    with pytest.raises(env.ConfigError, match="CHITRAM_TRUSTED_PROXIES"):
        env.read(ProxyConfig, {"CHITRAM_TRUSTED_PROXIES": f"10.0.0.0/8,{proxies}"})


@pytest.mark.parametrize("path", ["relative", '/a"b', "/a$b", "/a\nb", "/a\\b"])
def test_path_that_nginx_would_misread_is_refused(path):
    """Such a path stops the start."""
    with pytest.raises(ValueError, match="can't be given the path"):
        render(msgspec.structs.replace(GATEWAY, cache=Path(path)))
