//! Plays what a module said in a transcript: each piece once the driver has said something in its turn, or has had its time.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::keep::summary;
use super::line::Driver;
use super::oracle::{Wanted, judge};
use super::play::{Ear, End, Seen, now};
use super::watch::usage;
use super::{Bench, status};
use crate::Sender;
use crate::cli::failure::Failure;
use crate::cli::interrupt;
use crate::cli::line as print_line;
use crate::cli::out::Out;
use crate::cli::simulate::mail::{Incoming, Taken};
use crate::mutate::form::Conversation;

/// How long the driver's turn is waited for.
const TURN: Duration = Duration::from_millis(300);

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Plays a file, and judges what the driver did. The failure stands in a line `SUMMARY: …`, as those of sanitizers do.
pub(super) fn replay(
    bench: &Bench,
    file: &Path,
    silence: Duration,
    memory: Option<u64>,
    wanted: &Wanted,
    out: &mut Out,
) -> Result<u8, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read(file).map_err(|error| Failure::Said(format!("{name}: {error}")))?;
    let conversation = Conversation::from_transcript(&name, &text).map_err(|error| Failure::Said(error.to_string()))?;
    let seen = play(bench, &conversation, silence, memory.map_or(u64::MAX, |mib| mib << 20))?;
    // There was no healthy run: a driver that ends by itself is as it should be.
    let healthy = Seen { end: End::Exit(0), log: String::new(), ..silent() };
    let verdicts = judge(&healthy, &seen, wanted);
    for verdict in &verdicts {
        print_line(out, format_args!("{}", summary(verdict.kind, &verdict.place)));
    }
    out.flush()?;
    if interrupt::asked() {
        return Ok(interrupt::status());
    }
    if verdicts.is_empty() {
        out.note(&format!("the driver does not fail with {name}"));
    }
    Ok(status(verdicts.len()))
}

fn silent() -> Seen {
    Seen {
        end: End::Silent { busy: false },
        took: Duration::ZERO,
        chunks: Vec::new(),
        done: Vec::new(),
        healed: None,
        breaches: Vec::new(),
        command: String::new(),
        commands: 0,
        good: 0,
        good_since: 0,
        log: String::new(),
        memory: 0,
    }
}

fn play(bench: &Bench, conversation: &Conversation, silence: Duration, memory: u64) -> Result<Seen, Failure> {
    let mut driver = Driver::start(&bench.command, bench.wire)?;
    let mut seen = silent();
    let start = Instant::now();
    let mut analyzer = bench.analyzer();
    let mut ear = Ear::new(Arc::clone(&bench.catalog), true);
    let mut chunks = conversation.chunks.iter().peekable();
    let (mut heard, mut turn) = (start, start);
    let mut before = None;
    let (mut spoke, mut over) = (false, false);
    seen.end = loop {
        while let Some(chunk) = chunks.peek() {
            // The host's turn is over once it said something, or nothing for a while.
            if chunk.from == Sender::Host && !spoke && turn.elapsed() < TURN && !over {
                break;
            }
            if chunk.from == Sender::Module {
                analyzer.push(Sender::Module, Some(now(start)), &chunk.bytes, &[], &mut ear);
                driver.outbox.put(&chunk.bytes);
            }
            spoke = false;
            turn = Instant::now();
            chunks.next();
        }
        if let Some(status) = driver.ended() {
            break super::play::of_status(status);
        }
        if interrupt::asked() {
            break End::Interrupted;
        }
        let used = usage(driver.pid());
        if let Some(used) = used.filter(|used| used.memory > memory) {
            break End::Large(used.memory);
        }
        let quiet = heard.max(turn).elapsed();
        if quiet < silence / 4 {
            before = used.map(|used| (used.cpu, Instant::now()));
        }
        if quiet >= silence {
            let busy = match (used, before) {
                (Some(used), Some((cpu, since))) => {
                    used.cpu.saturating_sub(cpu).as_secs_f64() >= super::play::BUSY * since.elapsed().as_secs_f64()
                }
                _ => false,
            };
            break End::Silent { busy };
        }
        match driver.mailbox.take(Some(LOOK), !over) {
            Taken::Incoming(Incoming::Bytes(bytes)) => {
                (heard, spoke) = (Instant::now(), true);
                analyzer.push(Sender::Host, Some(now(start)), &bytes, &[], &mut ear);
            }
            Taken::Incoming(Incoming::End | Incoming::Gone) => over = true,
            _ => {}
        }
    };
    if !matches!(seen.end, End::Exit(_) | End::Signal(_)) {
        driver.kill();
    }
    seen.log = driver.said();
    analyzer.finish(&mut ear);
    (seen.command, seen.breaches) = (ear.command, ear.breaches);
    Ok(seen)
}
