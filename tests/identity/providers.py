"""Identity providers as the suites start them, and what they are told and asked."""

import json
import pathlib
import urllib.parse

from processes import Program, get

HERE = pathlib.Path(__file__).parent


class Provider(Program):
    """An `idp.mjs`."""

    def __init__(self, name: str, folder: pathlib.Path, port: int, resources: dict, clients: list, trusts: str = ""):
        self.issuer = f"http://127.0.0.1:{port}"
        self.host = f"127.0.0.1:{port}"
        env = {"PORT": str(port), "RESOURCES": json.dumps(resources), "CLIENTS": json.dumps(clients)}
        command = [HERE / "node_modules/node/bin/node", HERE / "idp.mjs"]
        env |= {"TRUSTS": trusts} if trusts else {}
        super().__init__(name, command, folder, env, f"{self.issuer}/jwks", 30.0)

    def test(self, what: str, **query) -> str:
        text = {name: value if isinstance(value, str) else json.dumps(value) for name, value in query.items()}
        return get(f"{self.issuer}/test/{what}?{urllib.parse.urlencode(text)}")

    def token(self, claims: dict, header: dict | None = None, **how: str) -> str:
        """A token with these claims on top of good ones, signed well or otherwise."""
        return self.test("token", claims=claims, header=header or {}, **how)

    def asked(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(each["path"] == path for each in json.loads(self.test("asked")))
