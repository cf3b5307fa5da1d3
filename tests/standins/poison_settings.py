"""The project's settings with a model provider that can kill its process."""

import sys

from tests.standins import poison
from whatsapp_agent.settings import *  # noqa: F403
from whatsapp_agent.settings import LLM_PROVIDERS

sys.modules["llm.providers.poison"] = poison
LLM_PROVIDERS["poison"] = LLM_PROVIDERS["openai"]
SUSPECT_SECONDS = 0.1
