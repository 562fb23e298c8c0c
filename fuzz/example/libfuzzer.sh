#!/bin/sh
# Fuzzes the example driver with libFuzzer and atscope's mutations: `fuzz/example/libfuzzer.sh [SECONDS]`.
# Wants clang; builds into fuzz/target/example, and leaves corpus and crashes there.
set -eu
cd "$(dirname "$0")"
seconds=${1:-60}
out=${CARGO_TARGET_DIR:-$PWD/../target}/example
mkdir -p "$out/corpus"
cargo build --release --manifest-path ../Cargo.toml -p atscope-mutator
lib=${CARGO_TARGET_DIR:-$PWD/../target}/release

# -u: without it the linker finds no use for the mutator and leaves it out. -rdynamic: libFuzzer's own mutations are mixed in.
clang -g -O1 -fsanitize=fuzzer,address -rdynamic wifi.c fuzz_wifi.c -Wl,-u,LLVMFuzzerCustomMutator \
  -Wl,-u,LLVMFuzzerCustomCrossOver "$lib/libatscope_mutator.a" -lpthread -ldl -lm -o "$out/wifi"

# The same without linking, for a binary that is there already: LD_PRELOAD="$lib/libatscope_mutator.so" ./wifi …
cd "$out"
ATSCOPE_DIALECT=${ATSCOPE_DIALECT-esp-at} exec ./wifi -max_total_time="$seconds" -max_len=4096 -timeout=10 corpus
