"""Configuration from the environment, as frozen structs.

A room declares a `msgspec.Struct` whose fields carry the variable's name, for example
`copies: Annotated[int, Meta(ge=1)] = field(name="CHITRAM_COPIES", default=2)`, and a service's `main.py` reads it once.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

C = TypeVar("C", bound=msgspec.Struct)


class ConfigError(Exception):
    """A variable is missing or has a value that can't be used; the text names it."""


def read(config: type[C], environ: Mapping[str, str] | None = None) -> C:
    """Reads the struct `config` from the environment (or from `environ`).

    Numbers and booleans are converted, tuples are split at commas, an empty variable counts as
    absent. Raises `ConfigError`, naming the variable, for a missing or unusable value.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(config):
        text = source.get(field.encode_name, "").strip()
        if text:
            values[field.encode_name] = _split(text) if _is_tuple(field.type) else text
    try:
        return msgspec.convert(values, config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error))) from None


def _is_tuple(kind: Any) -> bool:
    return get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind) is tuple


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _explain(message: str) -> str:
    """`Expected int >= 1 - at $.CHITRAM_COPIES` -> `CHITRAM_COPIES: expected int >= 1`."""
    if " - at `$." in message:
        problem, _, where = message.partition(" - at `$.")
        return f"{where.rstrip('`')}: {problem[0].lower()}{problem[1:]}"
    if message.startswith("Object missing required field `"):
        return f"{message.split('`')[1]} is not set"
    return message
