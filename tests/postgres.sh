#!/usr/bin/env bash
# Brings PostgreSQL's server programs into the folder named, from Debian's packages: unpacked, not installed, so that
# neither root nor anything outside the folder is touched. They end
# up below `whole/`.
#
# The system's package lists are used where there are any, else lists of our own beside it.
set -euo pipefail

folder=$1
say_what_is_needed() {
    printf 'PostgreSQL is not here, and %s. Install the package `postgresql` (14 or newer), name the folder\n' "$1" >&2
    printf 'of `initdb` and `postgres` in WAYPOST_TEST_PG_BIN, or run where apt-get reaches a Debian mirror.\n' >&2
    exit 2
}
for tool in apt-get apt-cache dpkg; do
    command -v $tool >/dev/null || say_what_is_needed "this is no Debian ($tool is missing)"
done

rm -rf "$folder"
mkdir -p "$folder"/{package,lists/partial,cache/archives/partial}
root=$(cd "$folder" && pwd)
cd "$root/package"
lists=()
own=(-o "Dir::State::lists=$root/lists" -o "Dir::Cache=$root/cache")
# The package behind the name `postgresql`, with the version in its name.
server() { apt-cache "${lists[@]}" depends postgresql 2>/dev/null | sed -n 's/^ *Depends: \(postgresql-[0-9]*\)$/\1/p'; }
if [[ -z $(server) ]]; then
    lists=("${own[@]}")
    apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" "${lists[@]}" update || say_what_is_needed 'no lists can be fetched'
fi
package=$(server)
[[ -n $package ]] || say_what_is_needed 'its package is unknown here'
# With the libraries it needs and those these need: not the C library and its like, which every system has, nor the
# compiler of a part the tests turn off. What is installed need not be fetched.
libraries() {
    apt-cache "${lists[@]}" depends --no-{recommends,suggests,conflicts,breaks,replaces,enhances} "$@" |
        sed -n 's/^ *Depends: \(lib[a-z0-9.+-]*\|zlib1g\)$/\1/p' | sort -u |
        grep -vE '^lib(c6|crypt1|gcc-s1|llvm.*|perl.*|stdc\+\+6)$'
}
mapfile -t direct < <(libraries "$package")
mapfile -t needed < <({ printf '%s\n' "${direct[@]}"; libraries "${direct[@]}"; } | sort -u |
    while read -r library; do dpkg --status "$library" >/dev/null 2>&1 || printf '%s\n' "$library"; done)
# As root, apt would fetch as the user _apt, who may not write here.
apt-get --quiet --quiet -o APT::Sandbox::User="$(id -un)" "${lists[@]}" download "$package" "${needed[@]}" ||
    say_what_is_needed 'its package cannot be fetched'
for archive in *.deb; do dpkg -x "$archive" .; done

# Renamed when whole, so that a run that was cut off leaves nothing that looks finished.
rm -f ./*.deb
rm -rf "$root"/{lists,cache}
mv "$root/package" "$root/whole"
