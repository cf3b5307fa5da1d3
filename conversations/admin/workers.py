from django.contrib import admin

from conversations.models import Worker
from llm.admin_records import RecordAdmin


@admin.register(Worker)
class WorkerAdmin(RecordAdmin):
    list_display = ("slot", "alive", "started_at", "seen_at")
    ordering = ("-seen_at",)

    @admin.display(boolean=True)
    def alive(self, worker: Worker) -> bool:
        return worker.is_alive
