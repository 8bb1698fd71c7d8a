"""Runs a command beside the gateway of `gateway.yaml`, with its addresses in the environment: for clients in
other languages. The exit code is the command's, or 1 if the gateway does not end cleanly."""

import pathlib
import subprocess
import sys
import tempfile

import keys
from processes import QUIET, Gateway

HERE = pathlib.Path(__file__).parent


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway((HERE / "gateway.yaml").read_text(), pathlib.Path(folder), env=keys.ENVIRONMENT)
        try:
            addresses = {"WAYPOST_URL": gateway.url, "WAYPOST_ADMIN": gateway.admin}
            code = subprocess.run(command, cwd=HERE, env=QUIET | keys.ENVIRONMENT | addresses).returncode
            if code:
                print(f"--- end of {gateway.log}:\n{gateway.tail()}")
        finally:
            gateway.close()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
