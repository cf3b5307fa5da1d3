"""Reads a PDF from standard input and writes what it says as JSON to standard output.

Run by itself, with limits: a PDF can be made so that reading it takes all memory or for
ever, and then this process dies instead of the worker.
"""

import json
import logging
import resource
import sys
from io import BytesIO

MEMORY = 512 * 1024 * 1024
SECONDS = 10
PAGES = 50
CHARACTERS = 100_000


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Only now: its code is to stand under the limits, too.
    from pypdf import PdfReader

    logging.disable()
    reader = PdfReader(BytesIO(sys.stdin.buffer.read()))
    pages, said, length = len(reader.pages), [], 0
    for number in range(min(pages, PAGES)):
        said.append(reader.pages[number].extract_text())
        length += len(said[-1])
        if length >= CHARACTERS:
            break
    json.dump({"pages": pages, "text": "\n".join(said)[:CHARACTERS]}, sys.stdout)


if __name__ == "__main__":
    main()
