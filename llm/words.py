"""A text as words that can be compared: in lower case, without accents."""

import re
import unicodedata
from functools import lru_cache


def words(text: str) -> list[str]:
    """Lower-case words without accents."""
    return list(_words(text))


@lru_cache(maxsize=2048)
def _words(text: str) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKD", text.lower())
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(re.findall(r"[^\W_]+", plain))
