"""A Cognito user pool on this machine, with a sign-in page of its own (MiniStack)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.standins import ministack

PASSWORD = "Passw0rd!x"
GROUPS = ["whatsapp-agent-viewer", "whatsapp-agent-operator", "whatsapp-agent-admin"]


@dataclass(frozen=True)
class Pool:
    cognito: str  # the address of all of Cognito
    id: str
    client: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        region = self.id.partition("_")[0]
        return {
            "OIDC_ISSUER": f"https://cognito-idp.{region}.amazonaws.com/{self.id}",
            "OIDC_DISCOVERY_URL": f"{self.cognito}/{self.id}/.well-known/openid-configuration",
            "OIDC_CLIENT_ID": self.client["ClientId"],
            "OIDC_CLIENT_SECRET": self.client["ClientSecret"],
        }

    def add_person(self, email: str, *groups: str, verified: str = "true") -> None:
        person = {"UserPoolId": self.id, "Username": email}
        attributes = {"email": email, "email_verified": verified}
        call(
            self.cognito,
            "AdminCreateUser",
            **person,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": n, "Value": v} for n, v in attributes.items()],
        )
        call(
            self.cognito,
            "AdminSetUserPassword",
            **person,
            Password=PASSWORD,
            Permanent=True,
        )
        for group in groups:
            call(self.cognito, "AdminAddUserToGroup", **person, GroupName=group)

    def remove_from_group(self, email: str, group: str) -> None:
        call(
            self.cognito,
            "AdminRemoveUserFromGroup",
            UserPoolId=self.id,
            Username=email,
            GroupName=group,
        )


def call(cognito: str, action: str, **values: object) -> dict:
    response = requests.post(
        cognito,
        json=values,
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"AWSCognitoIdentityProviderService.{action}",
        },
        timeout=10,
    )
    response.raise_for_status()
    return response.json() if response.content else {}


def make_pool(cognito: str, site: str) -> Pool:
    """As docs/sign-in.md tells: a pool, a domain, a client for the code grant, groups."""
    pool = call(
        cognito,
        "CreateUserPool",
        PoolName="staff",
        UsernameAttributes=["email"],
        AutoVerifiedAttributes=["email"],
    )["UserPool"]["Id"]
    call(cognito, "CreateUserPoolDomain", UserPoolId=pool, Domain="staff")
    client = call(
        cognito,
        "CreateUserPoolClient",
        UserPoolId=pool,
        ClientName="whatsapp-agent",
        GenerateSecret=True,
        AllowedOAuthFlows=["code"],
        AllowedOAuthFlowsUserPoolClient=True,
        AllowedOAuthScopes=["openid", "email", "profile"],
        SupportedIdentityProviders=["COGNITO"],
        CallbackURLs=[f"{site}/oidc/callback/"],
        LogoutURLs=[f"{site}/oidc/signed-out/"],
    )["UserPoolClient"]
    for group in GROUPS:
        call(cognito, "CreateGroup", UserPoolId=pool, GroupName=group)
    return Pool(cognito, pool, client)


@contextmanager
def started(folder: Path) -> Iterator[str]:
    with ministack.started(folder, "cognito-idp") as address:
        yield address
