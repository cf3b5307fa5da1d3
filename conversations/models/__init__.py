"""Who said what, and what came of it."""

from conversations.models.agent_settings import AgentSettings
from conversations.models.conversation import (
    FOREVER,
    Access,
    Contact,
    Conversation,
    Mode,
)
from conversations.models.forgetting import Forgetting
from conversations.models.knowledge import (
    KnowledgePassage,
    KnowledgeText,
    KnowledgeUse,
    KnowledgeVersion,
)
from conversations.models.media import MediaFile
from conversations.models.message import Message, MessageQuerySet
from conversations.models.message_change import MessageChange
from conversations.models.pruning import Pruning
from conversations.models.settings_change import SettingsChange
from conversations.models.threshold_change import ThresholdChange
from conversations.models.worker import Quarantine, Worker

__all__ = [
    "FOREVER",
    "Access",
    "AgentSettings",
    "Contact",
    "Conversation",
    "Forgetting",
    "MediaFile",
    "KnowledgePassage",
    "KnowledgeText",
    "KnowledgeUse",
    "KnowledgeVersion",
    "Message",
    "MessageChange",
    "MessageQuerySet",
    "Mode",
    "Pruning",
    "Quarantine",
    "SettingsChange",
    "ThresholdChange",
    "Worker",
]
