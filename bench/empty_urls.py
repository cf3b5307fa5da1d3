from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def answer(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


# The second without what comes before all other views, as webhooks are.
urlpatterns = [path("empty", answer), path("api/webhook/empty", answer)]
