#!/usr/bin/env bash
# Runs the tests, with the real servers where they are installed or can be; arguments go to `cargo test`.
# It must not start or enable any server of the system, nor fail because one can't be installed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The servers live in /usr/sbin, which an ordinary user's PATH lacks.
missing() { ! PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }

# Runs a command as root, or fails where that needs a password.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# In a subshell, so that its trap is done before the tests start.
install_packages() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        # Debian's packages ask this file whether they may start their services: 101 is no.
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root apt-get -qq update || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends "$@" || exit 1
    # Nor shall they start with the next boot.
    for package in "$@"; do
        if command -v systemctl >/dev/null; then as_root systemctl -q disable "$package" || true; fi
    done
)

wanted=()
if missing nginx; then wanted+=(nginx); fi
if missing apache2 && missing httpd; then wanted+=(apache2); fi
if [ "${#wanted[@]}" -gt 0 ]; then
    if command -v apt-get >/dev/null && as_root true 2>/dev/null; then
        install_packages "${wanted[@]}" </dev/null >&2 || echo "tests/run.sh: could not install ${wanted[*]}" >&2
    else
        echo "tests/run.sh: not installed, and no way to install it here: ${wanted[*]}" >&2
    fi
fi

exec cargo test --locked "$@"
