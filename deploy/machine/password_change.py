"""Whether the running endpoint accepts the passwords in the data directory: it reads them at its start."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from deploy import passwords
from schemas.connections import Secret

_TIMEOUT_S: Final = 5.0
#: ClickHouse's code AUTHENTICATION_FAILED.
_WRONG_PASSWORD: Final = "516"


def changed_passwords(data: Path, address: str) -> list[str]:
    """Logins whose password file holds another password than the endpoint at ``address`` (host:port) accepts."""
    found = {login: passwords.read_generated(data, login) for login in (passwords.WRITER, passwords.ANALYST)}
    return [login for login, secret in found.items() if secret is not None and _is_rejected(address, login, secret)]


def _is_rejected(address: str, login: str, secret: Secret) -> bool:
    """Whether the endpoint answers that the password is wrong. Another failure says nothing about it."""
    pair = base64.b64encode(f"{login}:{secret.reveal()}".encode()).decode()
    question = urllib.request.Request(f"http://{address}/?query=SELECT+1", headers={"Authorization": f"Basic {pair}"})
    try:
        with urllib.request.urlopen(question, timeout=_TIMEOUT_S):
            return False
    except urllib.error.HTTPError as error:
        return error.headers.get("X-ClickHouse-Exception-Code") == _WRONG_PASSWORD
    except OSError:
        return False
