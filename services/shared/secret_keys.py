"""The keys with which the services sign what they hand to clients and want to recognise."""

import hashlib
import hmac
import re

import msgspec

SHORTEST = 32
"""Characters of a secret: 128 bits even where it is written in hexadecimal digits."""

_entry = re.compile(r"([A-Za-z0-9]{1,16}):(.+)")


class SecretsConfig(msgspec.Struct, frozen=True):
    """`keys` are written `<id>:<secret>`. The first signs; the others are believed too, until they are taken out.

    So a key is replaced by putting a new one before it, and removing it when what it signed has expired.
    """

    keys: tuple[str, ...] = msgspec.field(name="CHITRAM_SECRET_KEYS")

    def __post_init__(self) -> None:
        """Refuses what nothing should be signed with, without showing it."""
        ids = [found[1] for key in self.keys if (found := _entry.fullmatch(key)) and len(found[2]) >= SHORTEST]
        if not self.keys or len(ids) < len(self.keys):
            message = f"CHITRAM_SECRET_KEYS: expected <id>:<secret>, the secret of {SHORTEST} characters or more"
            raise ValueError(message)
        if len(set(ids)) < len(ids):
            raise ValueError("CHITRAM_SECRET_KEYS: two keys have the same id")


class SigningKeys:
    """Keys for one purpose, made from the secrets, so that what was signed for one is worth nothing for another."""

    def __init__(self, config: SecretsConfig, purpose: str) -> None:
        pairs = (key.split(":", 1) for key in config.keys)
        self._keys = {name: hmac.digest(secret.encode(), purpose.encode(), hashlib.sha256) for name, secret in pairs}
        self.current = next(iter(self._keys))
        """Id of the key that signs."""

    def sign(self, key_id: str, message: bytes) -> bytes | None:
        """HMAC-SHA-256 of a message with a key; None when there is no such key."""
        key = self._keys.get(key_id)
        return None if key is None else hmac.digest(key, message, hashlib.sha256)
