//! What it costs to read a recording, from memory and without decoding it: `cargo bench --bench readers`.
//!
//! The same mixed ESP-AT session in each format (a group each); throughput is in bytes of the recording, so that formats
//! compare by their peers, not with each other:
//! - `at`: a transcript. Peer `split`: the file split at line feeds by `memchr`.
//! - `pcap`, `pcapng`: as `atscope convert` writes them. Peer `pcap-file`: the packets alone, read with the crate of that name,
//!   which knows nothing of link types and directions.
//! - `saleae`: a table of Logic 2 with one row a byte, two analyzers. Peer `split`.
//! - `raw`: the module's bytes alone. Peer `split`.
//! - `mixed`: a terminal log in which commands show as echoes. Peer `split`.
//!
//! Every run checks the bytes that it reads: how many are the host's, how many the module's.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod common;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use atscope::capture::{self, Chunk, Format, Meta, Options};
use atscope::{Sender, Time};
use common::Traffic;
use criterion::{Criterion, Throughput};

const SIZE: usize = 512 * 1024;

/// Reads a recording; gives the bytes of host and module.
#[inline(never)]
fn read(recording: &'static [u8], options: &Options) -> [usize; 2] {
    let mut reader = capture::open("capture", Box::new(recording), options).unwrap();
    let mut bytes = [0; 2];
    while let Some(chunk) = reader.next_chunk().unwrap() {
        bytes[usize::from(chunk.from == Sender::Module)] += black_box(chunk.bytes).len();
    }
    bytes
}

/// An output that can be taken back.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The session as our writer writes it.
fn written(traffic: &Traffic, format: Format) -> Vec<u8> {
    let out = Shared::default();
    let mut writer = capture::writer(format, Box::new(out.clone())).unwrap();
    let mut meta = Meta::new(Format::Transcript);
    meta.headers.push(("dialect".to_owned(), traffic.dialect.to_owned()));
    writer.start(&meta).unwrap();
    for chunk in &traffic.chunks {
        let (from, time) = (chunk.from, chunk.time);
        writer.chunk(&Chunk { session: 0, from, time, bytes: &chunk.bytes, faults: &[], place: None }).unwrap();
    }
    writer.finish().unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

/// The session as a table of Logic 2.
fn table(traffic: &Traffic) -> Vec<u8> {
    let mut table = "name,type,start_time,duration,data,error\n".to_owned();
    for chunk in &traffic.chunks {
        let name = if chunk.from == Sender::Host { "TX" } else { "RX" };
        for (at, byte) in chunk.bytes.iter().enumerate() {
            let time = chunk.time.unwrap().plus(Time::from_nanos(86_805 * at as u64));
            writeln!(table, "\"{name}\",\"data\",{time:.9},0.000086805,0x{byte:02X},").unwrap();
        }
    }
    table.into_bytes()
}

/// Reads the packets of a file with pcap-file alone; gives the sum of their lengths.
#[inline(never)]
fn packets(file: &[u8]) -> usize {
    use pcap_file::pcap::PcapReader;
    use pcap_file::pcapng::{Block, PcapNgReader};
    let mut sum = 0;
    if file.starts_with(&[0x0A, 0x0D, 0x0D, 0x0A]) {
        let mut reader = PcapNgReader::new(file).unwrap();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = black_box(block.unwrap()) {
                sum += packet.data.len();
            }
        }
    } else {
        let mut reader = PcapReader::new(file).unwrap();
        while let Some(packet) = reader.next_packet() {
            sum += black_box(packet.unwrap()).data.len();
        }
    }
    sum
}

fn group(criterion: &mut Criterion, name: &str, recording: Vec<u8>, expected: [usize; 2]) {
    let recording: &'static [u8] = recording.leak();
    let options = Options { mixed: name == "mixed", ..Options::default() };
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(recording.len() as u64));
    group.bench_function("read", |b| b.iter(|| assert_eq!(read(black_box(recording), &options), expected)));
    if name.starts_with("pcap") {
        let sum = packets(recording);
        assert!(sum >= expected.iter().sum());
        group.bench_function("pcap-file", |b| b.iter(|| assert_eq!(packets(black_box(recording)), sum)));
    } else {
        let feeds = recording.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let all = (feeds, recording.len() as u64);
        group.bench_function("split", |b| b.iter(|| assert_eq!(common::split(black_box(recording)), all)));
    }
    group.finish();
}

fn main() {
    let start = SystemTime::now();
    let mut criterion = common::criterion();
    let traffic = common::mixed(SIZE);
    let (host, module) = (traffic.side(Sender::Host), traffic.side(Sender::Module));
    let both = [host.len(), module.len()];
    for (name, format) in [("at", Format::Transcript), ("pcap", Format::Pcap), ("pcapng", Format::Pcapng)] {
        group(&mut criterion, name, written(&traffic, format), both);
    }
    group(&mut criterion, "saleae", table(&traffic), both);
    group(&mut criterion, "raw", module, [0, both[1]]);
    let log = traffic.chunks.iter().flat_map(|chunk| &chunk.bytes).copied().collect();
    // A terminal log does not tell the host's data from what the module says, nor a command behind data that ends no line.
    let behind_a_line = traffic.chunks.windows(2).filter(|pair| pair[0].bytes.ends_with(b"\n")).map(|pair| &pair[1]);
    let commands =
        behind_a_line.filter(|chunk| chunk.from == Sender::Host).map(|chunk| chunk.bytes.len()).sum::<usize>();
    let commands = commands + traffic.chunks[0].bytes.len();
    group(&mut criterion, "mixed", log, [commands, traffic.size() - commands]);
    criterion.final_summary();
    common::table(start, &["split", "pcap-file"]);
}
