"""The project's settings without an inbox, which a stock qcluster would never empty."""

from whatsapp_agent.settings import *  # noqa: F403

INBOX = ""
