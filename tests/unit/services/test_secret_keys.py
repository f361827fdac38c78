"""The keys that sign."""

import pytest

from infrastructure import env
from services.shared.secret_keys import SecretsConfig, SigningKeys

A, B = "a:" + "x" * 32, "b:" + "y" * 32


def read(text: str) -> SecretsConfig:
    return env.read(SecretsConfig, {"CHITRAM_SECRET_KEYS": text})


def test_without_a_secret_nothing_starts():
    """And the variable is named."""
    with pytest.raises(env.ConfigError, match="CHITRAM_SECRET_KEYS is not set"):
        read("")


@pytest.mark.parametrize("text", ["x" * 64, "a:short", ":" + "x" * 32, f"{A},b", f"a-b:{'x' * 32}", f"{A},{A}", ","])
def test_a_secret_that_protects_nothing_is_refused_and_not_shown(text):
    """Too short, without a name, or two of one name."""
    with pytest.raises(env.ConfigError, match="CHITRAM_SECRET_KEYS") as refused:
        read(text)
    assert "x" * 32 not in str(refused.value)


def test_the_first_key_signs_and_each_purpose_has_its_own():
    """A secret may hold colons."""
    keys = SigningKeys(read(f"{A},{B},c:{':' * 32}"), "p")
    assert keys.current == "a"
    assert len({keys.sign(name, b"m") for name in ("a", "b", "c")}) == 3
    assert keys.sign("d", b"m") is None
    assert SigningKeys(read(A), "q").sign("a", b"m") != keys.sign("a", b"m")
