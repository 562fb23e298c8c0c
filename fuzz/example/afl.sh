#!/bin/sh
# Fuzzes the example driver with AFL++ and atscope's mutations: `fuzz/example/afl.sh [SECONDS]`.
# Wants afl-clang-fast and afl-fuzz (4.x); builds into fuzz/target/example, and leaves what it finds there.
#
# Several cores: one main, the others secondary, each in a terminal of its own; the last one without our mutations, so that
# AFL++'s own get their share:
#     ATSCOPE_AFL="-M main" afl.sh & ATSCOPE_AFL="-S two" afl.sh & ATSCOPE_AFL="-S three" ATSCOPE_PLAIN=1 afl.sh
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
out=${CARGO_TARGET_DIR:-$PWD/../target}/example
mkdir -p "$out/nothing"
cargo build --release --manifest-path ../Cargo.toml -p atscope-mutator
lib=${CARGO_TARGET_DIR:-$PWD/../target}/release

AFL_USE_ASAN=1 afl-clang-fast -g -O1 -fsanitize=fuzzer wifi.c fuzz_wifi.c -o "$out/wifi-afl"

# afl-fuzz wants a seed; atscope needs none, so a line end will do.
printf '\n' >"$out/nothing/line-end"
[ -n "${ATSCOPE_PLAIN:-}" ] || export AFL_CUSTOM_MUTATOR_LIBRARY="$lib/libatscope_mutator.so"
export ATSCOPE_DIALECT="${ATSCOPE_DIALECT-esp-at}" AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1
# shellcheck disable=SC2086 # several words
exec afl-fuzz ${ATSCOPE_AFL:-} -V "$seconds" -i "$out/nothing" -o "$out/afl" -G 4096 -- "$out/wifi-afl"
