"""Configuration from the environment, as frozen structs.

A room declares a `msgspec.Struct` whose fields carry the variable's name, for example
`copies: Annotated[int, Meta(ge=1)] = field(name="CHITRAM_COPIES", default=2)`, and a service's `main.py` reads it once.
Any variable may be given by file instead, `CHITRAM_COPIES_FILE=/run/secrets/copies`: so containers are handed secrets.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

C = TypeVar("C", bound=msgspec.Struct)


class ConfigError(Exception):
    """A variable is missing or has a value that can't be used; the text names it."""


def read(config: type[C], environ: Mapping[str, str] | None = None) -> C:
    """Reads the struct `config` from the environment (or from `environ`).

    Numbers and booleans are converted, tuples are split at commas, an empty variable counts as
    absent, and so does an empty file. Raises `ConfigError`, naming the variable, for a missing or unusable value.
    """
    source = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(config):
        text = _text(field.encode_name, source)
        if text:
            values[field.encode_name] = _split(text) if _is_tuple(field.type) else text
    try:
        return msgspec.convert(values, config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error))) from None


def _text(name: str, source: Mapping[str, str]) -> str:
    """What the variable says, or the file that `<name>_FILE` names; read once, so a new secret needs a restart."""
    given, file = source.get(name, "").strip(), source.get(f"{name}_FILE", "").strip()
    if not file:
        return given
    if given:
        raise ConfigError(f"{name}: {name}_FILE is set as well, and only one of them can count")
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}_FILE: {file} can't be read: {_reason(error)}") from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or type(error).__name__) if isinstance(error, OSError) else "it is no text"


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
