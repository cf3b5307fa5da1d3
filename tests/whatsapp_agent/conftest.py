from collections.abc import Iterator

import pytest
import responses

from tests.whatsapp_agent.provider import CLIENT_ID, ISSUER, Provider
from whatsapp_agent.auth.provider import forget


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    """A Cognito pool, as the settings have it from its issuer and a client."""
    settings.SIGN_IN = "both"
    settings.OIDC_ISSUER = ISSUER
    settings.OIDC_DISCOVERY_URL = f"{ISSUER}/.well-known/openid-configuration"
    settings.OIDC_NAME = "Cognito"
    settings.OIDC_RP_CLIENT_ID = CLIENT_ID
    settings.OIDC_RP_CLIENT_SECRET = "our-secret"
    settings.OIDC_REQUIRE_TOKEN_USE = True
    settings.OIDC_GROUPS_CLAIM = "cognito:groups"
    settings.OIDC_USERINFO = False
    settings.OIDC_LOGOUT = "cognito"
    settings.OIDC_STORE_ID_TOKEN = False
    forget()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        provider = Provider(http)
        provider.publish()
        yield provider
    forget()
