import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from whatsapp_agent import slices
from whatsapp_agent.supervisor import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "whatsapp_agent.settings")
if os.environ.get("SUPERVISED"):
    # The server's process would live on without it, and serve old code beside the new.
    die_with_parent()
# A webhook takes less than a millisecond: let it in soon, whatever the worker does.
slices.ask_for(0.0001)
application = get_wsgi_application()
# Loads all views: else the first webhooks after a start wait for that.
get_resolver().url_patterns  # noqa: B018
# What is there by now stays: looking through it for garbage takes a tenth of a second.
gc.collect()
gc.freeze()
