#!/usr/bin/env bash
# Measures wslint beside `nginx -t`, `apache2 -t` and, where installed, crossplane and gixy, on the same files, and
# prints a table. `--quick`: files of 1 and 10 MB only. Must not run any server: both are only asked to test files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo build --release --locked
# The servers live in /usr/sbin, which an ordinary user's PATH lacks.
export PATH="$PATH:/usr/sbin:/usr/local/sbin"
# Only the programs that are measured need to be fast.
exec cargo bench --quiet --locked --profile dev --bench speed -- \
    --compare "${CARGO_TARGET_DIR:-target}/release/wslint" "$@"
