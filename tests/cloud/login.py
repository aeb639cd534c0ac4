"""What a logged-in person's machine holds, and the endpoint that renews it."""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

from cloud.authority import Authority
from cloud.routes import Call, answers
from cloud.web import JSON, Answer
from cloud.world import World

RENEWAL = "https://oauth2.googleapis.com/token"
CLIENT = {"client_id": "stand-in", "client_secret": "none"}


@answers("POST oauth2/token")
def renew(call: Call) -> JSON | Answer:
    """An access token for a refresh token; of the two, ours are alike."""
    token = parse_qs(call.request.content.decode()).get("refresh_token", [""])[0]
    if token not in call.world.tokens:
        return Answer(400, {"error": "invalid_grant", "error_description": "Token has been expired or revoked."})
    return {
        "access_token": token,
        "expires_in": 3599,
        "token_type": "Bearer",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
    }


def environment(
    folder: Path, authority: Authority, world: World, principal: str | None, project: str
) -> Mapping[str, str]:
    """The variables under which a command is that principal: logged in to gcloud and by application-default credentials.

    Nobody, for None: gcloud is there and set up, and nobody has logged in.
    """
    if not folder.exists():
        _write(folder, authority, world, principal, project)
    trusted = str(authority.ca)
    tools = {
        name: trusted
        for name in (
            "REQUESTS_CA_BUNDLE",
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
        )
    }
    return {
        **tools,
        "CLOUDSDK_CONFIG": str(folder),
        "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE": trusted,
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
        "NO_GCE_CHECK": "true",
    }


def _write(folder: Path, authority: Authority, world: World, principal: str | None, project: str) -> None:
    account = f"account = {principal}\n" if principal else ""
    files = {"active_config": "default", "configurations/config_default": f"[core]\n{account}project = {project}\n"}
    if principal:
        token = f"ya29.{secrets.token_urlsafe(24)}"
        world.tokens[token] = principal
        files |= _credentials(token, principal, project, authority)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    if principal:
        _store(folder / "credentials.db", principal, _grant(token))


def _credentials(token: str, principal: str, project: str, authority: Authority) -> dict[str, str]:
    """gcloud's own, what application-default login leaves, and gsutil's; a person's requests count against the project."""
    counted = {} if principal.endswith(".gserviceaccount.com") else {"quota_project_id": project}
    boto = {
        "OAuth2": {"client_id": CLIENT["client_id"], "client_secret": CLIENT["client_secret"], "provider_token_uri": RENEWAL},
        "Credentials": {"gs_oauth2_refresh_token": token},
        "Boto": {"ca_certificates_file": str(authority.ca)},
    }  # fmt: skip
    return {
        "token": token,
        "application_default_credentials.json": json.dumps({**_grant(token), **counted}),
        f"legacy_credentials/{principal}/.boto": "".join(
            f"[{section}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
            for section, values in boto.items()
        ),
    }


def _grant(token: str) -> JSON:
    return {"type": "authorized_user", **CLIENT, "refresh_token": token}


def _store(file: Path, principal: str, grant: JSON) -> None:
    """As gcloud keeps the accounts that have logged in."""
    with closing(sqlite3.connect(file)) as store, store:
        store.execute("CREATE TABLE credentials (account_id TEXT PRIMARY KEY, value BLOB)")
        store.execute("INSERT INTO credentials VALUES (?, ?)", (principal, json.dumps({**grant, "token_uri": RENEWAL})))
