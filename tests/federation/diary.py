"""The server of `servers/diary.py`, started and stopped by a suite."""

import pathlib

from conftest import PYTHON, SERVERS
from processes import Program


class Diary(Program):
    def __init__(self, port: int, folder: pathlib.Path):
        super().__init__("diary", [PYTHON, SERVERS / "diary.py", str(port)], folder, {}, "", 20.0)

    def _answers(self, _url: str) -> bool:
        return "running on" in self.tail().lower()
