"""Adds up the suites' JUnit files: `N passed, M failed`. A missing file and a skipped test count as failed."""

import pathlib
import sys
import xml.etree.ElementTree as xml


def verdicts(path: pathlib.Path):
    """Each test's name and its trouble, if it had any."""
    if not path.exists():
        yield path.stem, "left no results"
        return
    for case in xml.parse(path).iter("testcase"):
        trouble = {child.tag for child in case} & {"failure", "error", "skipped"}
        yield f"{path.stem}: {case.get('name')}", "/".join(sorted(trouble))


found = [verdict for path in sys.argv[1:] for verdict in verdicts(pathlib.Path(path))]
failed = [f"{name}: {trouble}" for name, trouble in found if trouble]
for line in failed:
    print(line)
print(f"{len(found) - len(failed)} passed, {len(failed)} failed")
sys.exit(bool(failed) or not found)
