from django.urls import path

from whatsapp_agent.auth.views import Authenticate, Callback, signed_out

# The library looks for the callback by this name.
urlpatterns = [
    path("authenticate/", Authenticate.as_view(), name="oidc_authentication_init"),
    path("callback/", Callback.as_view(), name="oidc_authentication_callback"),
    path("signed-out/", signed_out, name="signed_out"),
]
