"""django-q2's own lists, read-only and without reading whole tables."""

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext_lazy as _, ngettext
from django_q.models import Failure, OrmQ, Schedule, Success, Task
from django_q.tasks import async_task

from llm.admin_records import RecordAdmin, SinceFilter

# Nothing is scheduled: the worker looks for itself what is due.
admin.site.unregister([Failure, Schedule, Success])


class QueueAdmin(RecordAdmin):
    """Rows that may be thrown away by those who hold the permission."""

    change_list_template = "admin/home/queue.html"
    explanation = ""

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {
            "title": capfirst(self.opts.verbose_name_plural),
            "explanation": self.explanation,
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def has_delete_permission(
        self, request: HttpRequest, obj: Task | OrmQ | None = None
    ) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


class StoppedFilter(SinceFilter):
    field = "stopped"


class TaskAdmin(QueueAdmin):
    list_display = ("stopped", "name", "function", "seconds")
    list_filter = (StoppedFilter,)
    # Its key is random.
    ordering = ("-stopped",)
    fields = ("name", "function", "arguments", "started", "stopped", "attempt_count")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        # They are pickled, and a traceback is long.
        return super().get_queryset(request).defer("args", "kwargs", "result", "hook")

    @admin.display(description=_("function"))
    def function(self, task: Task) -> str:
        return task.func

    @admin.display(description=_("seconds"))
    def seconds(self, task: Task) -> str:
        return f"{task.time_taken():.3f}"

    @admin.display(description=_("arguments"), empty_value="-")
    def arguments(self, task: Task) -> str:
        return _call(task.args, task.kwargs)


@admin.register(Success)
class SuccessAdmin(TaskAdmin):
    explanation = _(
        "Wake-ups that succeeded are not kept, unless save_limit is changed: what was "
        "done stands in the conversations."
    )


@admin.register(Failure)
class FailureAdmin(TaskAdmin):
    explanation = _(
        "Wake-ups that failed. None has to be tried again by hand: the worker itself "
        "finds what is still due. Trying again does no harm, and removes the failure "
        "from this list."
    )
    fields = (*TaskAdmin.fields, "traceback")
    actions = ("try_again",)

    @admin.display(description=_("error"), empty_value="-")
    def traceback(self, task: Task) -> str:
        return format_html('<pre class="record" dir="auto">{}</pre>', task.result or "")

    @admin.action(description=_("Try again"), permissions=["try_again"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[Failure]) -> None:
        tasks = list(queryset.defer(None))
        for task in tasks:
            async_task(task.func, *(task.args or ()), **(task.kwargs or {}))
            self.log_change(request, task, "Tried again")
        Task.objects.filter(pk__in=[task.pk for task in tasks]).delete()
        done = ngettext("Queued again: %d task.", "Queued again: %d tasks.", len(tasks))
        self.message_user(request, done % len(tasks), messages.SUCCESS)

    def has_try_again_permission(self, request: HttpRequest) -> bool:
        """The failure goes from the list: so it is for those who may delete it."""
        user: User = request.user
        return user.has_perm("django_q.delete_failure")


class WakeUpAdmin(QueueAdmin):
    list_display = ("pk", "due", "name", "function", "arguments")
    fields = ("key", "due", "name", "function", "arguments")
    explanation = _(
        "Wake-ups that the worker has not taken yet. They may be deleted: the worker "
        "finds what is due without them, a little later."
    )

    @admin.display(description=_("due, or taken until"))
    def due(self, queued: OrmQ) -> object:
        return queued.lock

    @admin.display(description=_("name"))
    def name(self, queued: OrmQ) -> str:
        return queued.name() or queued.task_id()

    @admin.display(description=_("function"), empty_value="-")
    def function(self, queued: OrmQ) -> str:
        return str(queued.task.get("func") or "")

    @admin.display(description=_("arguments"), empty_value="-")
    def arguments(self, queued: OrmQ) -> str:
        return _call(queued.task.get("args"), queued.task.get("kwargs"))


if admin.site.is_registered(OrmQ):  # not with Redis
    admin.site.unregister(OrmQ)
    admin.site.register(OrmQ, WakeUpAdmin)


def _call(args: object, kwargs: object) -> str:
    given = [repr(one) for one in args or ()]
    given += [f"{name}={value!r}" for name, value in (kwargs or {}).items()]
    return Truncator(", ".join(given)).chars(500)
