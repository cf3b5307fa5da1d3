"""What may name an instance: Evolution API has the name in the paths of its addresses.

What is percent-encoded there is decoded once too often or too early by proxies on the way,
and by Evolution itself, which keeps files under the name.
"""

import re

_UNFIT = re.compile(r"[/\\?#%\x00-\x1f\x7f\u2028\u2029]")


def is_fit(name: str) -> bool:
    return bool(name.strip(".")) and name == name.strip() and not _UNFIT.search(name)
