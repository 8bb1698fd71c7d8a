#!/usr/bin/env bash
# Brings `prometheus` and `promtool` into the folder named, from Debian's package: unpacked, not installed, so that
# neither root nor anything outside the folder is touched.
#
# The system's package lists are used where there are any, else lists of our own beside it.
set -euo pipefail

folder=$1
say_what_is_needed() {
    printf 'Prometheus is not on PATH, and %s. Install the package `prometheus` (with promtool), or run where\n' "$1" >&2
    printf 'apt-get reaches a Debian mirror. From https://prometheus.io/download/ it will do as well.\n' >&2
    exit 2
}
for tool in apt-get dpkg; do
    command -v $tool >/dev/null || say_what_is_needed "this is no Debian ($tool is missing)"
done

rm -rf "$folder"
mkdir -p "$folder"/{package,lists/partial,cache/archives/partial}
root=$(cd "$folder" && pwd)
cd "$root/package"
own=(-o "Dir::State::lists=$root/lists" -o "Dir::Cache=$root/cache")
# As root, apt would fetch as the user _apt, who may not write here.
apt() { apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" "$@"; }
apt download prometheus 2>/dev/null ||
    { apt "${own[@]}" update && apt "${own[@]}" download prometheus; } ||
    say_what_is_needed 'its package cannot be fetched'
dpkg -x prometheus_*.deb .
# Renamed when whole, so that a run that was cut off leaves nothing that looks finished.
mv usr "$root/usr"
rm -rf "$root"/{package,lists,cache}
