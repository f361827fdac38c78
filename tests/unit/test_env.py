"""Configuration is read from the environment, and a bad value names its variable."""

from typing import Annotated

import msgspec
import pytest

from infrastructure.env import ConfigError, read


class Config(msgspec.Struct, frozen=True):
    hosts: tuple[str, ...] = msgspec.field(name="CHITRAM_HOSTS")
    copies: Annotated[int, msgspec.Meta(ge=1)] = msgspec.field(name="CHITRAM_COPIES", default=2)
    tls: bool = msgspec.field(name="CHITRAM_TLS", default=False)
    ports: Annotated[tuple[int, ...], msgspec.Meta(max_length=9)] = msgspec.field(name="CHITRAM_PORTS", default=())


def test_absent_and_empty_variables_leave_the_defaults():
    """An empty variable counts as absent, so a compose file may pass all of them through."""
    assert read(Config, {"CHITRAM_HOSTS": "a", "CHITRAM_COPIES": " "}) == Config(hosts=("a",))


def test_text_becomes_the_field_type():
    """Numbers, booleans and comma lists are converted."""
    environ = {"CHITRAM_HOSTS": "a, b,,", "CHITRAM_COPIES": "3", "CHITRAM_TLS": "true", "CHITRAM_PORTS": "1,2"}
    assert read(Config, environ) == Config(hosts=("a", "b"), copies=3, tls=True, ports=(1, 2))


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({}, "CHITRAM_HOSTS is not set"),
        ({"CHITRAM_HOSTS": "a", "CHITRAM_COPIES": "0"}, "CHITRAM_COPIES: expected `int` >= 1"),
        ({"CHITRAM_HOSTS": "a", "CHITRAM_COPIES": "two"}, "CHITRAM_COPIES: expected `int`"),
        ({"CHITRAM_HOSTS": "a", "CHITRAM_TLS": "maybe"}, "CHITRAM_TLS: expected `bool`"),
        ({"CHITRAM_HOSTS": "a", "CHITRAM_PORTS": "1,x"}, "CHITRAM_PORTS"),
    ],
)
def test_a_bad_value_names_its_variable(environ, sentence):
    """The error's text begins with the variable's name and says what was expected."""
    with pytest.raises(ConfigError) as caught:
        read(Config, environ)
    assert str(caught.value).startswith(sentence)


def test_the_process_environment_is_the_default_source(monkeypatch):
    """Without a mapping the real environment is read."""
    monkeypatch.setenv("CHITRAM_HOSTS", "x")
    assert read(Config).hosts == ("x",)


def test_an_error_that_names_no_variable_is_passed_on_as_it_is():
    """A struct's own check has no field to blame; its text is all there is to say."""

    class Checked(msgspec.Struct):
        low: int = msgspec.field(name="CHITRAM_LOW", default=2)

        def __post_init__(self):
            if self.low > 1:
                raise ValueError("CHITRAM_LOW is above 1")

    with pytest.raises(ConfigError, match=r"^CHITRAM_LOW is above 1$"):
        read(Checked, {})


def test_a_variable_may_be_given_by_file(tmp_path):
    """The file's text counts, without the newline at its end; an empty file counts as absent."""
    hosts, copies = tmp_path / "hosts", tmp_path / "copies"
    hosts.write_text("a,b\n")
    copies.write_text("")
    assert read(Config, {"CHITRAM_HOSTS_FILE": str(hosts), "CHITRAM_COPIES_FILE": str(copies)}) == Config(("a", "b"))


def test_a_file_that_can_not_be_used_names_its_variable(tmp_path):
    """It is missing, it is no text, or the variable is set beside it; what it holds is never shown."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for environ, sentence in (
        ({"CHITRAM_HOSTS_FILE": "/nowhere"}, "CHITRAM_HOSTS_FILE: /nowhere can't be read: No such file"),
        ({"CHITRAM_HOSTS_FILE": str(binary)}, f"CHITRAM_HOSTS_FILE: {binary} can't be read: it is no text"),
        ({"CHITRAM_HOSTS_FILE": str(binary), "CHITRAM_HOSTS": "a"}, "CHITRAM_HOSTS: CHITRAM_HOSTS_FILE is set as well"),
    ):
        with pytest.raises(ConfigError) as caught:
            read(Config, environ)
        assert str(caught.value).startswith(sentence)
