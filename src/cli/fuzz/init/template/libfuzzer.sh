#!/usr/bin/env bash
# Fuzzes a harness with libFuzzer: ./libfuzzer.sh HARNESS.c DRIVER.c… [-- libFuzzer's options]
# MUTATOR=…/libatscope_mutator.a puts the structure-aware mutator in; CFLAGS are the compiler's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { sed -n 2,3p "$0"; exit 2; }
sources=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do sources+=("$1"); shift; done
[ $# -gt 0 ] && shift
compiler=${CC:-clang}
case "${sources[*]}" in *.cpp* | *.cc*) compiler=${CXX:-clang++} ;; esac
mutator=()
if [ -n "${MUTATOR:-}" ]; then
  mutator=(-rdynamic -Wl,-u,LLVMFuzzerCustomMutator -Wl,-u,LLVMFuzzerCustomCrossOver "$MUTATOR" -lpthread -ldl -lm)
fi
# shellcheck disable=SC2086
"$compiler" -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined ${CFLAGS:-} \
  -I"$here/harness" "${sources[@]}" "${mutator[@]}" -o "$here/harness-libfuzzer"
mkdir -p "$here/corpus"
export ATSCOPE_DIALECT=${ATSCOPE_DIALECT:-@DIALECT@}
exec "$here/harness-libfuzzer" -dict="$here/driver.dict" -max_len=4096 -timeout=10 -artifact_prefix="$here/" "$@" \
  "$here/corpus" "$here/seeds"
