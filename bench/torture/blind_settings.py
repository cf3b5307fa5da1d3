"""The project's settings with a provider that sends again blindly."""

from whatsapp_agent.settings import *  # noqa: F403

WHATSAPP_PROVIDERS = {"evolution": "bench.torture.blind"}
