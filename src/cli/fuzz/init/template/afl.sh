#!/usr/bin/env bash
# Fuzzes a harness with AFL++: ./afl.sh HARNESS.c DRIVER.c… [-- afl-fuzz's options, such as -M main or -S second]
# MUTATOR=…/libatscope_mutator.so puts the structure-aware mutator in; CFLAGS are the compiler's. With several processors: one
# `-M main` with the mutator, the others `-S NAME`, one of them without it; they share what they find in `found/`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || { sed -n 2,4p "$0"; exit 2; }
sources=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do sources+=("$1"); shift; done
[ $# -gt 0 ] && shift
compiler=afl-clang-fast
case "${sources[*]}" in *.cpp* | *.cc*) compiler=afl-clang-fast++ ;; esac
# shellcheck disable=SC2086
"$compiler" -g -O1 -fsanitize=fuzzer ${CFLAGS:-} -I"$here/harness" "${sources[@]}" -o "$here/harness-afl"
[ -n "${MUTATOR:-}" ] && export AFL_CUSTOM_MUTATOR_LIBRARY="$MUTATOR"
export ATSCOPE_DIALECT=${ATSCOPE_DIALECT:-@DIALECT@}
export AFL_SKIP_CPUFREQ=${AFL_SKIP_CPUFREQ:-1} AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=${AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES:-1}
exec afl-fuzz -i "$here/seeds" -o "$here/found" -x "$here/driver.dict" -G 4096 "$@" -- "$here/harness-afl"
