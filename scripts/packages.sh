#!/bin/bash
# Install the packages of packages.txt that are missing: print the list, then plain apt-get as root,
# through sudo otherwise. Does nothing when all are there. --list only prints what is missing.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v dpkg-query >/dev/null; then
    echo "No dpkg here: see to it that these packages' like are installed (scripts/packages.txt)." >&2
    exit 0
fi

missing=()
while read -r package _; do
    case $package in '' | '#'*) continue ;; esac
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [[ $status == *' installed' ]] || missing+=("$package")
done <packages.txt

[[ ${#missing[@]} -eq 0 ]] && exit 0
echo "Missing Debian packages:"
printf '  %s\n' "${missing[@]}"
[[ ${1:-} == --list ]] && exit 0

as_root=()
if [[ $EUID -ne 0 ]]; then
    if ! command -v sudo >/dev/null; then
        echo "Not root and no sudo: install them with  apt-get install ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi
# An index that can't be refreshed may still do.
"${as_root[@]}" apt-get -q update || true
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q install -y --no-install-recommends "${missing[@]}"
