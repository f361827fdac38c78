"""Lua that runs inside Redis, where nothing can come between reading and writing."""

import hashlib
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from infrastructure.redis.client import Client


class Script:
    """A file of this room, called by its digest; a server that has lost it is given the text again."""

    def __init__(self, name: str) -> None:
        self._text = Path(__file__).with_name(name).read_bytes()
        self._digest = hashlib.sha1(self._text, usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: tuple[str, ...], *arguments: str | bytes | int) -> Any:
        """What the script returns. Raises as `Client.ask` does."""
        try:
            return await client.ask("EVALSHA", self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.ask("EVAL", self._text, len(keys), *keys, *arguments)
