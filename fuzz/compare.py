#!/usr/bin/env python3
"""Compares fuzzers on parsers of drivers, in one run: what they reach in the same CPU time.

    fuzz/compare.py --target wifi --seconds 60 --repetitions 10

Columns: (a) libFuzzer, (b) libFuzzer with a dictionary and five seeds, (c) AFL++ with the same, (d) radamsa over the seeds
(`pip install pyradamsa`), (e) atscope in libFuzzer with the seeds, (f) atscope in AFL++ with the seeds, (e0) and (f0) the
same with no seeds and no dictionary. A missing tool leaves its columns out, and says so.

CPU time is that of the fuzzer with all its children, read from /proc: other work on the machine does not count. Coverage is
of the corpus that a run leaves behind: regions and branches of the parser (llvm-cov) for the C driver, edges of the
instrumented target for the Rust parsers. A folder in memory (`--build /dev/shm/compare`) keeps the file system's work, which grows with
the corpus, out of the figures. Times of the planted mistakes are looked at every 50 ms, after five seconds every 250 ms.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TICK = os.sysconf("SC_CLK_TCK")
NAMES = ["a", "b", "c", "d", "e", "f", "e0", "f0"]
BUGS = range(1, 9)
CARGO = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")).resolve()


def sh(*command, **options):
    """Runs a command; a failure ends this script with what it said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def have(tool):
    return shutil.which(tool) is not None


def build(args):
    """Builds the mutator and the target; gives a dict of programs."""
    out = args.build
    out.mkdir(parents=True, exist_ok=True)
    if args.mutator is None:
        sh("cargo", "build", "--release", "--manifest-path", HERE / "Cargo.toml", "-p", "atscope-mutator")
    built = {"mutator": (args.mutator or CARGO / "release" / "libatscope_mutator.so").resolve()}
    if args.target == "wifi":
        code = [HERE / "example" / "wifi.c", HERE / "example" / "fuzz_wifi.c"]
        flags = ["-g", "-O2", "-DCOUNT_BUGS"]
        sh(args.clang, *flags, "-fsanitize=fuzzer", "-rdynamic", *code, "-o", out / "wifi")
        sh(args.clang, *flags, "-DALONE", "-fprofile-instr-generate", "-fcoverage-mapping", *code, "-o", out / "wifi-cov")
        built |= {"libfuzzer": out / "wifi", "cov": out / "wifi-cov"}
        if have("afl-clang-fast"):
            sh("afl-clang-fast", *flags, "-fsanitize=fuzzer", *code, "-o", out / "wifi-afl")
            built["afl"] = out / "wifi-afl"
    else:
        env = os.environ | {"CARGO_TARGET_DIR": str(CARGO / "compare")}
        sh("cargo", "+nightly", "fuzz", "build", "--sanitizer", "none", "--features", "plain", args.target, cwd=HERE.parent, env=env)
        triple = sh("rustc", "-vV").split("host: ")[1].split()[0]
        built["libfuzzer"] = CARGO / "compare" / triple / "release" / args.target
    return built


def family(pid):
    """CPU seconds of a process and of all that descend from it; those that ended are in the time of who waited for them."""
    parents, spent = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = pathlib.Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        rest = text.rpartition(")")[2].split()
        parents[int(entry)] = int(rest[1])
        spent[int(entry)] = sum(map(int, rest[11:15])) / TICK
    total = 0
    for at in spent:
        up = at
        while up not in (pid, 0, None):
            up = parents.get(up)
        if up == pid:
            total += spent[at]
    return total


def run(args, built, name, repetition):
    """One run; gives coverage, times of the mistakes, executions."""
    home = args.build / "runs" / args.target / f"{name}-{repetition}"
    shutil.rmtree(home, ignore_errors=True)
    corpus = home / "corpus"
    corpus.mkdir(parents=True)
    empty = home / "empty"
    empty.mkdir()
    (empty / "nothing").write_bytes(b"\n")
    data = HERE / "example" if args.target == "wifi" else HERE / "drivers" / args.target
    words = next(data.glob("*.dict"))
    seeds = data / "seeds"
    env = os.environ | {"BUG_FILE": str(home / "bugs"), "AFL_SKIP_CPUFREQ": "1", "AFL_NO_UI": "1", "AFL_NO_AFFINITY": "1",
                        "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1", "AFL_FAST_CAL": "1", "AFL_QUIET": "1"}
    env |= dict(pair.split("=", 1) for pair in args.env) if name[0] in "ef" else {}
    seed = 1000 + repetition
    if name[0] in "abe":
        command = [built["libfuzzer"], f"-seed={seed}", "-max_len=4096", "-print_final_stats=1", "-ignore_crashes=1", "-verbosity=0",
                   f"-artifact_prefix={home}/"]
        command += [f"-dict={words}"] if name in ("b", "e") else []
        command += [corpus] + ([seeds] if name in ("b", "e") else [])
        # The Rust targets have the mutator linked in: `plain` builds of them have not.
        if name[0] == "e":
            env["LD_PRELOAD"] = str(built["mutator"])
    elif name[0] in "cf":
        command = ["afl-fuzz", "-s", seed, "-i", seeds if name in ("c", "f") else empty, "-o", home / "afl", "-G", "4096"]
        command += ["-x", words] if name in ("c", "f") else []
        command += ["--", built["afl"]]
        if name[0] == "f":
            env["AFL_CUSTOM_MUTATOR_LIBRARY"] = str(built["mutator"])
    else:
        command = [sys.executable, __file__, "--radamsa", home, "--seeds", seeds, "--seed", seed, "--program", built.get("cov", built["libfuzzer"])]
    log = open(home / "log", "wb")
    process = subprocess.Popen([str(part) for part in command], stdout=log, stderr=log, env=env, cwd=home, start_new_session=True)
    found, spent = {}, 0.0
    while process.poll() is None:
        spent = max(spent, family(process.pid))
        try:
            for number in (home / "bugs").read_text().split():
                found.setdefault(int(number), round(spent, 2))
        except OSError:
            pass
        if spent >= args.seconds:
            break
        # Often at first, when mistakes are found fast; looking costs time, too.
        time.sleep(0.05 if spent < 5 else 0.25)
    for how in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
            process.wait(timeout=20)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            pass
    log.close()
    result = {"name": name, "repetition": repetition, "cpu": round(spent, 1), "bugs": found}
    result["runs"] = executions(home, name)
    files = corpus if name[0] in "abe" else home / "afl" / "default" / "queue"
    result |= coverage(args, built, home, files, name)
    return result


def executions(home, name):
    try:
        if name[0] in "cf":
            text = (home / "afl" / "default" / "fuzzer_stats").read_text()
            return int(next(line for line in text.splitlines() if line.startswith("execs_done")).split(":")[1])
        text = (home / "log").read_text(errors="replace")
        return int(next(line for line in text.splitlines() if "number_of_executed_units" in line).split()[-1])
    except (OSError, StopIteration, ValueError):
        return 0


def coverage(args, built, home, files, name):
    """What the corpus of a run reaches."""
    inputs = [str(file) for file in sorted(files.iterdir()) if file.is_file()] if files.is_dir() else []
    if args.target != "wifi":
        edges = 0
        if name == "d":
            files = home / "kept"
        text = subprocess.run([str(built["libfuzzer"]), "-runs=0", str(files)], capture_output=True, text=True).stderr
        for line in text.splitlines():
            if " cov: " in line:
                edges = int(line.split(" cov: ")[1].split()[0])
        return {"edges": edges}
    raw = home / "cov"
    if name != "d":
        env = os.environ | {"LLVM_PROFILE_FILE": str(raw / "%1m.profraw")}
        for at in range(0, len(inputs), 500):
            subprocess.run([str(built["cov"]), *inputs[at:at + 500]], env=env, check=True)
    profiles = list(raw.glob("*.profraw"))
    if not profiles:
        return {"regions": 0, "branches": 0}
    sh(args.profdata, "merge", "-sparse", *profiles, "-o", home / "all.profdata")
    text = sh(args.cov, "export", "-summary-only", built["cov"], f"-instr-profile={home / 'all.profdata'}", HERE / "example" / "wifi.c")
    total = json.loads(text)["data"][0]["totals"]
    return {"regions": total["regions"]["covered"], "branches": total["branches"]["covered"],
            "of": [total["regions"]["count"], total["branches"]["count"]]}


def radamsa(args):
    """Mutates the seeds and runs the target on batches, until it is stopped."""
    import pyradamsa
    tool = pyradamsa.Radamsa()
    seeds = [file.read_bytes() for file in sorted(args.seeds.iterdir())]
    batch = args.radamsa / "batch"
    kept = args.radamsa / "kept"
    batch.mkdir()
    kept.mkdir()
    env = os.environ | {"LLVM_PROFILE_FILE": str(args.radamsa / "cov" / "%1m.profraw")}
    number = 0
    # On the signal the target that is at work still writes what it reached.
    stop = []
    signal.signal(signal.SIGINT, lambda *_: stop.append(1))
    while not stop:
        names = []
        for _ in range(100):
            data = tool.fuzz(seeds[number % len(seeds)], seed=args.seed * 1_000_000 + number, max_mut=4096)
            name = batch / str(number % 100)
            name.write_bytes(data)
            names.append(str(name))
            number += 1
        if args.program.name.endswith("-cov"):
            subprocess.run([str(args.program), *names], env=env, start_new_session=True)
        else:
            subprocess.run([str(args.program), "-merge=1", str(kept), str(batch)], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        print(f"stat::number_of_executed_units: {number}", flush=True)


def saved(result):
    """A result as JSON keeps it: numbers of mistakes are texts there."""
    return result | {"bugs": {int(number): at for number, at in result["bugs"].items()}}


def middle(values):
    values = sorted(values)
    if not values:
        return "-"
    text = f"{statistics.median(values):g}"
    return text if values[0] == values[-1] else f"{text} ({values[0]:g}..{values[-1]:g})"


def report(results, seconds):
    """The table: median and range of each column."""
    counts = sorted({sum(r["name"] == name for r in results) for name in {r["name"] for r in results}})
    print(f"\n{seconds:g} s of CPU time each; median (least..most) of {' to '.join(map(str, counts))} repetitions\n")
    measures = [key for key in ("regions", "branches", "edges") if any(key in r for r in results)]
    head = ["", *measures, "runs/s", "planted found"] + [f"bug {n}" for n in BUGS if any(r["bugs"] for r in results)]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name in NAMES:
        mine = [r for r in results if r["name"] == name]
        if not mine:
            continue
        row = [name] + [middle([r.get(key, 0) for r in mine]) for key in measures]
        row.append(middle([round(r["runs"] / max(r["cpu"], 0.1)) for r in mine]))
        row.append(middle([len(r["bugs"]) for r in mine]))
        if len(head) > len(row):
            for number in BUGS:
                times = [r["bugs"][number] for r in mine if number in r["bugs"]]
                missed = len(mine) - len(times)
                row.append(middle(times) + (f", {missed} missed" if missed else ""))
        print("| " + " | ".join(row) + " |", flush=True)


def tool(*names):
    return next((name for name in names if have(name)), names[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", default="wifi", choices=["wifi", "atat", "at_commands"])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--only", default=",".join(NAMES), help="columns, such as a,e0")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE for the columns e and f, such as ATSCOPE_DIALECT=esp-at")
    parser.add_argument("--build", type=pathlib.Path, default=CARGO / "compare-out")
    parser.add_argument("--mutator", type=pathlib.Path, help="this shared library in place of one built here")
    parser.add_argument("--json", type=pathlib.Path, help="also write the results there")
    parser.add_argument("--report", type=pathlib.Path, nargs="+", help="run nothing: the table of results written before by --json")
    parser.add_argument("--clang", default=tool("clang", "clang-19", "clang-18", "clang-16", "clang-14"))
    parser.add_argument("--profdata", default=tool("llvm-profdata", "llvm-profdata-14"))
    parser.add_argument("--cov", default=tool("llvm-cov", "llvm-cov-14"))
    for name in ("--radamsa", "--seeds", "--program"):
        parser.add_argument(name, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.radamsa:
        return radamsa(args)
    if args.report:
        return report([saved(result) for file in args.report for result in json.loads(file.read_text())], args.seconds)
    args.build = args.build.resolve()
    built = build(args)
    wanted = [name for name in NAMES if name in args.only.split(",")]
    if "afl" not in built or not have("afl-fuzz"):
        print("no AFL++ for this target here: c, f and f0 are left out", file=sys.stderr)
        wanted = [name for name in wanted if name[0] not in "cf"]
    try:
        import pyradamsa  # noqa: F401
    except ImportError:
        print("no pyradamsa here: d is left out", file=sys.stderr)
        wanted = [name for name in wanted if name != "d"]
    results = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(run, args, built, name, repetition) for repetition in range(args.repetitions) for name in wanted]
        for job in concurrent.futures.as_completed(jobs):
            results.append(job.result())
            print(json.dumps(results[-1]), file=sys.stderr, flush=True)
    if args.json:
        args.json.write_text(json.dumps(results))
    report(results, args.seconds)


if __name__ == "__main__":
    main()
