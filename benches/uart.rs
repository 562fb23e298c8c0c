//! What it costs to make bytes of logic levels: `cargo bench --bench uart`.
//!
//! Two lines at 115200 baud, the module's 33 % and the host's 7 % busy, for 40 s at 1 MHz and at 10 MHz; throughput is in
//! changes of level (`elements`). The changes come in stretches, as a reader gives them.
//! - `receive`: bytes of both lines with speed and format known.
//! - `recover`: detection, bytes, roles and runs in order of time; nothing is known.
//! - `clock`: a line that is no UART, which costs what looking costs. Throughput as above.
//!
//! Every run checks the bytes that it gets.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use atscope::Sender;
use atscope::uart::{Change, Channel, Clock, Disturbance, Encoder, Format, Level, Levels, Line, Receiver, Recovery};
use criterion::{Criterion, Throughput};

const SECONDS: u64 = 40;
const BAUD: f64 = 115_200.0;
/// Changes of a stretch, about as many as a block of a recording has.
const STRETCH: usize = 4096;

struct Traffic {
    rate: u64,
    lines: [Vec<Change>; 2],
    /// Bytes of host and module.
    bytes: [usize; 2],
    until: u64,
}

impl Traffic {
    fn changes(&self) -> u64 {
        self.lines.iter().map(|line| line.len() as u64).sum()
    }
}

/// Commands and long answers, over and over.
fn traffic(rate: u64) -> Traffic {
    let clock = Clock::of_rate(rate).unwrap();
    let mut encoders = [0, 1].map(|_| Encoder::new(clock, BAUD, Format::default(), Disturbance::default()));
    let mut lines = [Vec::new(), Vec::new()];
    let mut bytes = [0, 0];
    let bit = encoders[0].bit();
    let mut number = 0_u64;
    let mut now = 2000.0;
    while now < (SECONDS * rate) as f64 {
        number += 1;
        let question = format!("AT+CIPSEND={},{}\r\n", number % 5, 10 + number % 90);
        let mut answer = question.clone() + "\r\n";
        while answer.len() < question.len() * 33 / 7 {
            answer += &format!("+IPD,{},16:{:016x}\r\n", number % 5, number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        }
        answer += "\r\nOK\r\n";
        for (side, text) in [question, answer].iter().enumerate() {
            encoders[side].rest_until(now as u64, &mut lines[side]);
            for byte in text.bytes() {
                encoders[side].send(byte.into(), None, &mut lines[side]);
            }
            bytes[side] += text.len();
            now += (text.len() as f64 * 10.0 + 40.0) * bit;
        }
        // 40 % of the time is busy.
        now = now.max(bytes.iter().sum::<usize>() as f64 * 10.0 * bit / 0.4);
    }
    Traffic { rate, lines, bytes, until: now as u64 + 10_000 }
}

/// The traffic in stretches.
fn stretches(traffic: &Traffic) -> Vec<Levels> {
    let mut all = Vec::new();
    let mut next = [0, 0];
    let (long, short) = (&traffic.lines[1], &traffic.lines[0]);
    while next[1] < long.len() {
        let end = (next[1] + STRETCH).min(long.len());
        let until = long.get(end).map_or(traffic.until, |change| change.at);
        let end_short = next[0] + short[next[0]..].partition_point(|change| change.at < until);
        let mut levels = Levels::new(2);
        levels.changes = vec![short[next[0]..end_short].to_vec(), long[next[1]..end].to_vec()];
        levels.until = vec![until; 2];
        next = [end_short, end];
        all.push(levels);
    }
    all
}

#[inline(never)]
fn receive(traffic: &Traffic) -> [usize; 2] {
    let line = Line::new(traffic.rate as f64 / BAUD, Format::default());
    [0, 1].map(|side: usize| {
        let mut receiver = Receiver::new(line);
        let (mut bytes, mut count) = (Vec::new(), 0);
        for part in traffic.lines[side].chunks(STRETCH) {
            bytes.clear();
            receiver.push(part, part[part.len() - 1].at + 1, &mut bytes);
            count += bytes.len();
        }
        bytes.clear();
        receiver.finish(traffic.until, &mut bytes);
        count + bytes.len()
    })
}

#[inline(never)]
fn recover(rate: u64, stretches: &[Levels]) -> [usize; 2] {
    let clock = Clock::of_rate(rate).unwrap();
    let channels = ["D0", "D1"].map(|name| Channel { name: name.to_owned(), clock });
    let mut recovery = Recovery::new(&channels, &[]).unwrap();
    let mut bytes = [0, 0];
    let mut count = |recovery: &mut Recovery| {
        while let Some(run) = recovery.next_run() {
            bytes[usize::from(run.from == Sender::Module)] += black_box(&run.bytes).len();
        }
    };
    for levels in stretches {
        recovery.push(levels);
        count(&mut recovery);
    }
    recovery.finish();
    count(&mut recovery);
    bytes
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, rate) in [("1MHz", 1_000_000), ("10MHz", 10_000_000)] {
        let traffic = traffic(rate);
        let stretches = stretches(&traffic);
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        group.throughput(Throughput::Elements(traffic.changes()));
        group.bench_function("receive", |b| b.iter(|| assert_eq!(receive(black_box(&traffic)), traffic.bytes)));
        group.bench_function("recover", |b| {
            b.iter(|| assert_eq!(recover(rate, black_box(&stretches)), traffic.bytes));
        });
        group.finish();
    }
    let mut clock = Levels::new(2);
    for at in 0..1_000_000 {
        clock.changes[0].push(Change { at: at * 5, level: if at % 2 == 0 { Level::Low } else { Level::High } });
    }
    clock.until = vec![5_000_000; 2];
    let mut group = criterion.benchmark_group("clock");
    group.sample_size(20);
    group.throughput(Throughput::Elements(1_000_000));
    group.bench_function("recover", |b| {
        b.iter(|| assert_eq!(recover(1_000_000, std::slice::from_ref(black_box(&clock))), [0, 0]));
    });
    group.finish();
    criterion.final_summary();
}
