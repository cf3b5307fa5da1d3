"""The recorded webhooks, by the path of their file without its ending."""

import json
from pathlib import Path

from evolution import webhook

FOLDER = Path(__file__).parent / "recordings"


def paths() -> list[str]:
    """Of all webhook bodies; the reconstructed files hold other things as well."""
    files = sorted(FOLDER.glob("webhooks*/**/*.json"))
    files += sorted(FOLDER.glob("reconstructed/*.json"))
    found = (str(file.relative_to(FOLDER).with_suffix("")) for file in files)
    return [path for path in found if "event" in load(path)]


def load(path: str) -> dict:
    body = json.loads((FOLDER / f"{path}.json").read_text())
    return body.get("body", body)


def receive(body: dict) -> None:
    """Store what a webhook says, or raise why it cannot be."""
    (end,) = webhook.receive([json.dumps(body)])
    if isinstance(end, Exception):
        raise end
