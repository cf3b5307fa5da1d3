from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from conversations.models import Worker
from llm.admin_records import RecordAdmin


@admin.register(Worker)
class WorkerAdmin(RecordAdmin):
    list_display = ("slot", "alive", "started_at", "seen_at")
    ordering = ("-seen_at",)

    @admin.display(description=_("alive"), boolean=True)
    def alive(self, worker: Worker) -> bool:
        return worker.is_alive
