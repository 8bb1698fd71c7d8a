"""The alert rules: they are sound, each is seen to fire and to keep quiet, and Prometheus evaluates them."""

import re
import subprocess

from processes import until
from stack import GRAFANA

NAMES = re.findall(r"- alert: (\w+)", (GRAFANA / "alerts.yaml").read_text())


def promtool(*arguments: str):
    done = subprocess.run(["promtool", *arguments], cwd=GRAFANA, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"promtool {' '.join(arguments)}:\n{done.stdout}{done.stderr}"


def test_rules_are_sound():
    promtool("check", "rules", "--lint-fatal", "alerts.yaml")


def test_rules_fire_when_they_should():
    promtool("test", "rules", "alerts_test.yaml")


def test_every_rule_is_seen_to_fire():
    seen = re.findall(r"alertname=\"(\w+)\",alertstate=\"firing\",.*value: 1", (GRAFANA / "alerts_test.yaml").read_text())
    assert NAMES and set(NAMES) == set(seen)


def test_prometheus_evaluates_every_rule(prometheus):
    def rules():
        found = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    found = until("every rule was evaluated", rules, 60.0)
    assert {rule["name"] for rule in found if rule["type"] == "alerting"} == set(NAMES)
    for rule in found:
        assert rule["health"] == "ok", f"{rule['name']}: {rule.get('lastError')}"
