"""The project's settings, with nothing behind them but an empty view."""

from whatsapp_agent.settings import *  # noqa: F403

ROOT_URLCONF = "bench.empty_urls"
