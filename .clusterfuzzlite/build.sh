#!/usr/bin/env bash
# Puts the fuzz targets with their seeds and dictionaries into $OUT, as ClusterFuzzLite and OSS-Fuzz want them. By hand:
#   OUT=/tmp/out SANITIZER=none RUSTUP_TOOLCHAIN=nightly .clusterfuzzlite/build.sh
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f Cargo.toml ] || cd "$SRC/atscope"
: "${OUT:?where to put the targets}"
mkdir -p "$OUT"

cargo fuzz build -O --sanitizer "${SANITIZER:-address}"
triple=$(rustc -vV | sed -n 's/^host: //p')
seeds=$(mktemp -d)
ATSCOPE_SEEDS=$seeds cargo test --all-features --test corpus seeds
for source in fuzz/fuzz_targets/*.rs; do
  target=$(basename "$source" .rs)
  cp "fuzz/target/$triple/release/$target" "$OUT/"
  for folder in "$seeds/$target" "fuzz/drivers/$target/seeds"; do
    [ -d "$folder" ] && (cd "$folder" && zip -q -r "$OUT/${target}_seed_corpus.zip" .)
  done
  [ -f "fuzz/drivers/$target/$target.dict" ] && cp "fuzz/drivers/$target/$target.dict" "$OUT/"
  printf '[libfuzzer]\nmax_len = 4096\ntimeout = 20\n' >"$OUT/$target.options"
done
ls -l "$OUT"
