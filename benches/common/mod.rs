//! What the benches share: the traffic that they run on, and the table of ratios that they end with.
//!
//! The traffic is made here, so that every machine measures the same bytes, and it comes with the number of events that
//! were put into it: a decoder that loses one fails the bench.

#![allow(dead_code, clippy::indexing_slicing, clippy::panic, clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use atscope::{Sender, Time};
use criterion::Criterion;

/// A chunk of a session.
pub struct Chunk {
    pub from: Sender,
    pub time: Option<Time>,
    pub bytes: Vec<u8>,
}

/// A session with what is known of it.
pub struct Traffic {
    pub dialect: &'static str,
    pub chunks: Vec<Chunk>,
    /// Events that host and module put into it.
    pub events: [u64; 2],
    /// Bytes of payload in it, of both sides.
    pub payload: u64,
    clock: Time,
    size: usize,
    numbers: Numbers,
}

/// A repeatable stream of numbers (SplitMix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

impl Traffic {
    fn new(dialect: &'static str) -> Self {
        Self {
            dialect,
            chunks: Vec::new(),
            events: [0; 2],
            payload: 0,
            clock: Time::ZERO,
            size: 0,
            numbers: Numbers(7),
        }
    }

    /// A chunk of so many events, some milliseconds later, at 115200 baud.
    fn say(&mut self, from: Sender, events: u64, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.clock = self.clock.plus(Time::from_nanos((1 + self.numbers.below(20)) * 1_000_000));
        self.go_on(from, bytes);
        self.events[usize::from(from == Sender::Module)] += events;
    }

    /// The next bytes, without a pause.
    fn go_on(&mut self, from: Sender, bytes: &[u8]) {
        self.chunks.push(Chunk { from, time: Some(self.clock), bytes: bytes.to_vec() });
        self.clock = self.clock.plus(Time::from_nanos(86_805 * bytes.len() as u64));
        self.size += bytes.len();
    }

    /// Printable payload of one event.
    fn data(&mut self, len: usize) -> Vec<u8> {
        self.payload += len as u64;
        (0..len).map(|_| b' ' + self.numbers.below(95) as u8).collect()
    }

    /// Bytes of both sides.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The bytes of one side.
    pub fn side(&self, from: Sender) -> Vec<u8> {
        self.chunks.iter().filter(|chunk| chunk.from == from).flat_map(|chunk| &chunk.bytes).copied().collect()
    }
}

/// A mixed ESP-AT session of at least `size` bytes: short lines, and about 40 % payload.
pub fn mixed(size: usize) -> Traffic {
    let mut traffic = Traffic::new("esp-at");
    let (host, module) = (Sender::Host, Sender::Module);
    traffic.say(host, 1, b"AT+CIPMUX=1\r\n");
    traffic.say(module, 1, b"\r\nOK\r\n");
    while traffic.size < size {
        let link = traffic.numbers.below(5);
        match traffic.numbers.below(8) {
            0 => {
                traffic.say(host, 1, b"AT+CWMODE?\r\n");
                traffic.say(module, 2, b"+CWMODE:1\r\n\r\nOK\r\n");
            }
            1 => {
                traffic.say(host, 1, b"AT+CIPSTATUS\r\n");
                let mut text = "STATUS:3\r\n".to_owned();
                let links = traffic.numbers.below(4);
                for link in 0..links {
                    let port = 49152 + link;
                    text += &format!("+CIPSTATUS:{link},\"TCP\",\"192.168.4.{link}\",{port},80,1\r\n");
                }
                traffic.say(module, links + 2, text + "\r\nOK\r\n");
            }
            2 => {
                traffic.say(host, 1, b"AT+CWJAP?\r\n");
                let rssi = 40 + traffic.numbers.below(50);
                let text = format!("+CWJAP:\"office\",\"ca:d7:19:d8:a6:44\",6,-{rssi}\r\n\r\nOK\r\n");
                traffic.say(module, 2, text);
            }
            3 => traffic.say(module, 1, format!("{link},CONNECT\r\n")),
            4 => {
                let len = 20 + traffic.numbers.below(100) as usize;
                traffic.say(host, 1, format!("AT+CIPSEND={link},{len}\r\n"));
                traffic.say(module, 2, b"\r\nOK\r\n> ");
                let data = traffic.data(len);
                traffic.say(host, 1, data);
                traffic.say(module, 2, format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n"));
            }
            _ => {
                let len = 8 + traffic.numbers.below(72) as usize;
                let mut text = format!("\r\n+IPD,{link},{len}:").into_bytes();
                text.extend(traffic.data(len));
                traffic.say(module, 2, text);
            }
        }
    }
    traffic
}

/// A SIM7600 that fetches pages over HTTP in blocks of 4096 bytes, of at least `size` bytes: nearly all of it is payload.
///
/// The data comes in chunks of 1024 bytes, as a serial port hands them out.
pub fn http(size: usize) -> Traffic {
    const BLOCK: usize = 4096;
    let mut traffic = Traffic::new("simcom");
    let (host, module) = (Sender::Host, Sender::Module);
    traffic.say(host, 1, b"AT+HTTPINIT\r\n");
    traffic.say(module, 1, b"\r\nOK\r\n");
    while traffic.size < size {
        let page = traffic.numbers.below(1000);
        traffic.say(host, 1, format!("AT+HTTPPARA=\"URL\",\"http://www.example.com/pages/{page}.html\"\r\n"));
        traffic.say(module, 1, b"\r\nOK\r\n");
        let len = 1 + traffic.numbers.below(100_000) as usize;
        traffic.say(host, 1, b"AT+HTTPACTION=0\r\n");
        traffic.say(module, 1, b"\r\nOK\r\n");
        traffic.say(module, 1, format!("\r\n+HTTPACTION: 0,200,{len}\r\n"));
        for start in (0..len).step_by(BLOCK) {
            let block = BLOCK.min(len - start);
            traffic.say(host, 1, format!("AT+HTTPREAD={start},{block}\r\n"));
            traffic.say(module, 3, format!("\r\nOK\r\n\r\n+HTTPREAD: DATA,{block}\r\n"));
            for piece in traffic.data(block).chunks(1024) {
                traffic.go_on(module, piece);
            }
            traffic.say(module, 1, b"\r\n+HTTPREAD: 0\r\n");
        }
    }
    traffic
}

/// Splits bytes at their line feeds and does nothing else: what any reader of lines costs at least.
///
/// Gives the number of lines and the sum of their lengths.
#[inline(never)]
pub fn split(bytes: &[u8]) -> (u64, u64) {
    let (mut lines, mut sum, mut rest) = (0, 0, bytes);
    while let Some(at) = memchr::memchr(b'\n', rest) {
        lines += 1;
        sum += std::hint::black_box(&rest[..=at]).len() as u64;
        rest = &rest[at + 1..];
    }
    (lines, sum + rest.len() as u64)
}

/// Short runs: medians and ratios matter here, not the last percent.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(15)
        .warm_up_time(Duration::from_millis(400))
        .measurement_time(Duration::from_secs(2))
        .output_directory(&results())
        .configure_from_args()
}

fn results() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("criterion")
}

/// Prints, for what was measured since `start`, the median throughput and its ratio to each peer of its group.
pub fn table(start: SystemTime, peers: &[&str]) {
    /// MB/s by group and bench.
    type Medians = BTreeMap<String, BTreeMap<String, f64>>;
    fn gather(folder: &Path, start: SystemTime, medians: &mut Medians) -> Option<()> {
        for entry in std::fs::read_dir(folder).ok()? {
            let path = entry.ok()?.path();
            if path.is_dir() && !path.ends_with("new") {
                gather(&path, start, medians);
            }
        }
        let estimates = folder.join("new/estimates.json");
        if estimates.metadata().ok()?.modified().ok()? < start {
            return None;
        }
        let read = |path: PathBuf| serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).ok()?).ok();
        let (estimates, about) = (read(estimates)?, read(folder.join("new/benchmark.json"))?);
        let nanos = estimates["median"]["point_estimate"].as_f64()?;
        let rate = about["throughput"]["Bytes"].as_f64()? / nanos * 1e3;
        let group = medians.entry(about["group_id"].as_str()?.to_owned()).or_default();
        group.insert(about["function_id"].as_str()?.to_owned(), rate);
        Some(())
    }
    let mut medians = Medians::new();
    gather(&results(), start, &mut medians);
    for (group, benches) in medians {
        let heads: Vec<_> = peers.iter().filter(|peer| benches.contains_key(**peer)).collect();
        print!("\n{group:<34} {:>10}", "MB/s");
        heads.iter().for_each(|peer| print!(" {:>12}", format!("to {peer}")));
        println!();
        for (bench, rate) in &benches {
            print!("  {bench:<32} {rate:>10.1}");
            heads.iter().for_each(|peer| print!(" {:>12.3}", rate / benches[**peer]));
            println!();
        }
    }
}
