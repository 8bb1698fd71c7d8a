"""The keys of `gateway.yaml`. They open a gateway on loopback for as long as a test runs."""

CI = "wp-test-ci-0123456789abcdef"
NARROW = "wp-test-narrow-0123456789abcdef"
BRIEF = "wp-test-brief-0123456789abcdef"
BRIEF_NODE = "wp-test-brief-node-0123456789abcdef"

ENVIRONMENT = {
    "WAYPOST_CI_KEY": CI,
    "WAYPOST_NARROW_KEY": NARROW,
    "WAYPOST_BRIEF_KEY": BRIEF,
    "WAYPOST_BRIEF_NODE_KEY": BRIEF_NODE,
}
