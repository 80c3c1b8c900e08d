#!/usr/bin/env bash
# Runs fuzz targets one after the other, each for a time: run.sh SECONDS [TARGET...]. Ends at the first crash.
# Needs a nightly toolchain and cargo-fuzz (`cargo install cargo-fuzz`). SANITIZER=none is faster: wslint itself has no
# unsafe code, so that the default, address, looks at little more than PCRE's C. It must not change anything that git tracks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:?usage: tests/fuzz/run.sh SECONDS [TARGET...]}
shift
if [ "$#" -eq 0 ]; then set -- nginx_grammar apache_grammar check trace remarks; fi

fuzz=tests/fuzz
build=(--fuzz-dir "$fuzz" --sanitizer "${SANITIZER:-address}")
# With the tests' own toolchain and directory, so that hardly anything is built anew.
cargo run --quiet --manifest-path "$fuzz/Cargo.toml" --target-dir target --example seed
for target; do
    cargo +nightly fuzz build "${build[@]}" "$target"
    log=$fuzz/target/$target.log
    options=(-max_total_time="$seconds" -max_len=4400 -timeout=10 -rss_limit_mb=2048
        -dict="$fuzz/corpus/$target.dict" -print_final_stats=1)
    if ! cargo +nightly fuzz run "${build[@]}" "$target" -- "${options[@]}" >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "$target: FAILED; the whole log is $log" >&2
        exit 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    coverage=$(grep -o 'cov: [0-9]* ft: [0-9]*' "$log" | tail -n 1)
    echo "$target: $runs runs, $coverage"
done
