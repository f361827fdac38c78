"""Content-Disposition (RFC 6266): what a download is called.

Names come from strangers. They are cut to one path segment, and given twice: in ASCII for old clients,
percent-encoded UTF-8 for the rest, so that nothing in a name can end the header or the quotes.
"""

from functools import lru_cache
from urllib.parse import quote

LONGEST = 200
"""Characters of a suggested file name; file systems take 255 bytes."""


@lru_cache(4096)
def content_disposition(filename: str, *, download: bool) -> str:
    """The header's value: `inline`, or `attachment` for a download."""
    name = filename.replace("\\", "/").rpartition("/")[2].strip(". ")[-LONGEST:] or "image"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"%;' else "_" for c in name)
    kind = "attachment" if download else "inline"
    extended = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
    return f'{kind}; filename="{plain}"{extended}'
