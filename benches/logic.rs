//! What it costs to read a recording of logic levels, from memory and down to changes: `cargo bench --bench logic`.
//!
//! Two UART lines at 115200 baud, 33 % and 7 % busy, in each format (a group each). Throughput is in bytes of the
//! recording, except where its samples are packed: there it is in bytes of samples, so that MB/s are million samples a
//! second. Formats compare by their peers, not with each other:
//! - `sr_1mhz`, `sr_10mhz`: sessions of sigrok. Peer `inflate`: the samples unpacked by flate2 and not looked at. Beside them
//!   the whole way: `bytes` with lines and speeds found out, `events` with the catalog loaded and everything decoded.
//! - `samples`: the same at 1 MHz, bare. Peer `compare`: the samples compared with themselves one sample later.
//! - `dsl`: the same at 10 MHz as a session of DSView, a bit a sample. Peer `inflate`.
//! - `vcd`: a dump. Peers `vcd`, the crate of that name, which gives every change as a value, and `split`.
//! - `csv`: a table as Saleae's Logic 2 exports it. Peer `split`.
//! - `saleae_bin`: two binary exports. Peer `floats`: the times read and summed up.
//!
//! Every run checks how many changes it reads.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

mod common;

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{self, Cursor, Read, Write};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use atscope::capture::{self, Format, Input, Options, level_writer, open_levels};
use atscope::catalog;
use atscope::session::Session;
use atscope::uart::{self, Change, Channel, Clock, Disturbance, Encoder, Level, Levels};
use common::Numbers;
use criterion::{Criterion, Throughput};
use zip::write::SimpleFileOptions;

const BAUD: f64 = 115_200.0;

/// Two lines: what they say, by samples.
struct Traffic {
    rate: u64,
    samples: u64,
    lines: [Vec<Change>; 2],
}

impl Traffic {
    fn new(rate: u64, samples: u64) -> Self {
        let line = |busy: f64, text: &[u8], seed| {
            let clock = Clock::of_rate(rate).unwrap();
            let mut line = Encoder::new(clock, BAUD, uart::Format::default(), Disturbance::default());
            let (mut changes, mut numbers) = (Vec::new(), Numbers(seed));
            let mut text = text.iter().cycle();
            line.rest(100.0, &mut changes);
            while line.tick() + 2000 * (line.bit() as u64 + 1) < samples {
                let count = 20 + numbers.below(100);
                for _ in 0..count {
                    line.send(u16::from(*text.next().unwrap()), None, &mut changes);
                }
                let pause = count as f64 * 10.0 * (1.0 / busy - 1.0);
                line.rest(pause * (0.5 + numbers.below(1000) as f64 / 1000.0), &mut changes);
            }
            changes.retain(|change| change.at < samples);
            changes
        };
        let module =
            b"\r\nOK\r\n\r\n+CSQ: 20,99\r\n\r\nOK\r\n\r\n+IPD,0,48:0123456789 abcdefghijklmnopqrstuvwxyz {\"a\":1}\r\n";
        let host = b"AT+CIPSEND=0,12\r\nAT+HTTPREAD=0,500\r\nAT+CSQ\r\n";
        Self { rate, samples, lines: [line(0.33, module, 1), line(0.07, host, 2)] }
    }

    fn changes(&self) -> usize {
        self.lines.iter().map(Vec::len).sum()
    }

    fn channels(&self) -> Vec<Channel> {
        let clock = Clock::of_rate(self.rate).unwrap();
        ["D0", "D1"].map(|name| Channel { name: name.to_owned(), clock }).to_vec()
    }

    /// As our writer writes it.
    fn written(&self, format: Format) -> Vec<u8> {
        let out = Shared::default();
        let mut writer = level_writer(format, Box::new(out.clone()), None).unwrap();
        writer.start(&self.channels()).unwrap();
        writer.levels(&Levels { changes: self.lines.to_vec(), until: vec![self.samples; 2] }).unwrap();
        writer.finish().unwrap();
        std::mem::take(&mut *out.0.lock().unwrap())
    }

    /// Both lines in order of time: when, which, and the level.
    fn merged(&self) -> Vec<(u64, usize, bool)> {
        let mut all: Vec<_> = self
            .lines
            .iter()
            .enumerate()
            .flat_map(|(line, changes)| changes.iter().map(move |c| (c.at, line, c.level == Level::High)))
            .collect();
        all.sort_unstable();
        all
    }

    /// A byte a sample.
    fn samples(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut now = 0u8;
        for (at, line, high) in self.merged() {
            bytes.resize(at as usize, now);
            now = now & !(1 << line) | u8::from(high) << line;
        }
        bytes.resize(self.samples as usize, now);
        bytes
    }

    fn dsl(&self) -> Vec<u8> {
        const BLOCK: usize = 2 * 1024 * 1024;
        let samples = self.samples();
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let mut add = |name: &str, bytes: &[u8]| {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        };
        add("header", format!("samplerate = {}\ntotal samples = {}\n", self.rate, self.samples).as_bytes());
        for line in 0..2 {
            let pack = |eight: &[u8]| eight.iter().rev().fold(0, |byte, sample| byte << 1 | (sample >> line & 1));
            let packed: Vec<u8> = samples.chunks(8).map(pack).collect();
            packed.chunks(BLOCK).enumerate().for_each(|(number, block)| add(&format!("L-{line}/{number}"), block));
        }
        zip.finish().unwrap().into_inner()
    }

    fn csv(&self) -> Vec<u8> {
        let mut table = "Time [s],Channel 0,Channel 1\n".to_owned();
        let mut levels = [1; 2];
        let merged = self.merged();
        for (number, &(at, line, high)) in merged.iter().enumerate() {
            levels[line] = u8::from(high);
            if merged.get(number + 1).is_none_or(|next| next.0 > at) {
                let nanos = at * 1_000_000_000 / self.rate;
                let (secs, nanos) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
                writeln!(table, "{secs}.{nanos:09},{},{}", levels[0], levels[1]).unwrap();
            }
        }
        table.into_bytes()
    }

    fn exports(&self) -> [Vec<u8>; 2] {
        self.lines.clone().map(|changes| {
            let (first, rest) = changes.split_first().unwrap();
            let mut file = [&b"<SALEAE>"[..], &[0; 8]].concat();
            file.extend(u32::from(first.level == Level::High).to_le_bytes());
            let secs = |tick: u64| (tick as f64 / self.rate as f64).to_le_bytes();
            file.extend([secs(first.at), secs(self.samples)].concat());
            file.extend((rest.len() as u64).to_le_bytes());
            rest.iter().for_each(|change| file.extend(secs(change.at)));
            file
        })
    }
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

/// Reads a recording; gives the number of changes.
#[inline(never)]
fn read(input: Input, options: &Options) -> usize {
    let mut reader = open_levels("capture", input, options).unwrap();
    let mut levels = Levels::new(reader.channels().len());
    let mut count = 0;
    while reader.read(&mut levels).unwrap() {
        count += black_box(&levels).changes.iter().map(Vec::len).sum::<usize>();
        levels.clear();
    }
    count
}

fn file(bytes: &'static [u8]) -> Input {
    Input::File(Box::new(Cursor::new(bytes)))
}

/// Unpacks the samples of an archive; gives how many bytes they are.
#[inline(never)]
fn inflate(file: &[u8]) -> u64 {
    let mut zip = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let mut room = vec![0; 128 * 1024];
    let mut sum = 0;
    for at in 0..zip.len() {
        let member = zip.by_index_raw(at).unwrap();
        if !member.name().unwrap().to_ascii_lowercase().starts_with('l') {
            continue;
        }
        let mut member = flate2::bufread::DeflateDecoder::new(io::BufReader::with_capacity(64 * 1024, member));
        loop {
            match member.read(&mut room).unwrap() {
                0 => break,
                count => sum += black_box(&room[..count]).len() as u64,
            }
        }
    }
    sum
}

/// The whole way to bytes, lines and speeds found out: how many there are.
fn bytes_of(session: &'static [u8]) -> u64 {
    let mut reader = capture::open_input("bench", file(session), &Options::default()).unwrap();
    let mut count = 0;
    while let Some(chunk) = reader.next_chunk().unwrap() {
        count += chunk.bytes.len() as u64;
    }
    count
}

/// The whole way to typed events: how many there are.
fn events_of(session: &'static [u8]) -> u64 {
    let mut reader = capture::open_input("bench", file(session), &Options::default()).unwrap();
    let mut decoder = Session::new(catalog::load_builtin("esp-at").unwrap(), &Default::default());
    let mut count = 0;
    while let Some(chunk) = reader.next_chunk().unwrap() {
        decoder.push(chunk.from, chunk.time, chunk.bytes, &mut |_| count += 1);
    }
    decoder.finish(&mut |_| count += 1);
    count
}

struct Case {
    name: &'static str,
    bytes: u64,
    input: Box<dyn Fn() -> Input>,
    options: Options,
    changes: usize,
}

impl Case {
    fn run(self, criterion: &mut Criterion, peers: &[(&str, &dyn Fn() -> u64)]) {
        let mut group = criterion.benchmark_group(self.name);
        group.throughput(Throughput::Bytes(self.bytes));
        group.bench_function("read", |b| b.iter(|| assert_eq!(read((self.input)(), &self.options), self.changes)));
        for (name, peer) in peers {
            let expected = peer();
            group.bench_function(*name, |b| b.iter(|| assert_eq!(peer(), expected)));
        }
        group.finish();
    }
}

fn main() {
    let start = SystemTime::now();
    let mut criterion = common::criterion();
    let slow = Traffic::new(1_000_000, 20_000_000);
    let fast = Traffic::new(10_000_000, 100_000_000);

    for (name, traffic) in [("sr_1mhz", &slow), ("sr_10mhz", &fast)] {
        let session: &'static [u8] = traffic.written(Format::Sigrok).leak();
        let (bytes, changes) = (traffic.samples, traffic.changes());
        let case = Case { name, bytes, input: Box::new(move || file(session)), options: Options::default(), changes };
        let (spoken, told) = (|| bytes_of(session), || events_of(session));
        case.run(&mut criterion, &[("inflate", &|| inflate(session)), ("bytes", &spoken), ("events", &told)]);
    }

    let dsl: &'static [u8] = fast.dsl().leak();
    let (bytes, changes) = (fast.samples, fast.changes());
    let (input, options) = (Box::new(move || file(dsl)), Options::default());
    Case { name: "dsl", bytes, input, options, changes }.run(&mut criterion, &[("inflate", &|| inflate(dsl))]);

    let samples: &'static [u8] = slow.samples().leak();
    let options = Options { format: Some(Format::Samples), samplerate: Some(slow.rate), ..Options::default() };
    // The six bits that nobody drives have their level at the start.
    let (bytes, changes) = (slow.samples, slow.changes() + 6);
    let input = Box::new(move || file(samples));
    let compare = || samples.iter().zip(&samples[1..]).filter(|(a, b)| a != b).count() as u64;
    Case { name: "samples", bytes, input, options, changes }.run(&mut criterion, &[("compare", &compare)]);

    let dump: &'static [u8] = slow.written(Format::Vcd).leak();
    let (bytes, changes) = (dump.len() as u64, slow.changes());
    let (input, options) = (Box::new(move || file(dump)), Options::default());
    let crate_of_that_name = || {
        let mut parser = vcd::Parser::new(dump);
        parser.parse_header().unwrap();
        let all = parser.map(|command| matches!(command.unwrap(), vcd::Command::ChangeScalar(..)));
        all.filter(|&change| change).count() as u64
    };
    let peers: [(&str, &dyn Fn() -> u64); 2] = [("vcd", &crate_of_that_name), ("split", &|| common::split(dump).0)];
    Case { name: "vcd", bytes, input, options, changes }.run(&mut criterion, &peers);

    let table: &'static [u8] = slow.csv().leak();
    let (bytes, changes) = (table.len() as u64, slow.changes());
    let (input, options) = (Box::new(move || file(table)), capture::Options::default());
    Case { name: "csv", bytes, input, options, changes }.run(&mut criterion, &[("split", &|| common::split(table).0)]);

    let [one, two] = slow.exports().map(|file| &*file.leak());
    let input = Box::new(move || {
        let named = |name: &str, bytes: &'static [u8]| (name.to_owned(), Box::new(bytes) as Box<dyn Read + Send>);
        Input::Files(vec![named("digital_0.bin", one), named("digital_1.bin", two)])
    });
    let floats = || {
        let sum =
            |file: &[u8]| file[44..].chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).sum::<f64>();
        (sum(one) + sum(two)) as u64
    };
    let (bytes, changes) = ((one.len() + two.len()) as u64, slow.changes());
    let case = Case { name: "saleae_bin", bytes, input, options: Options::default(), changes };
    case.run(&mut criterion, &[("floats", &floats)]);

    criterion.final_summary();
    common::table(start, &["inflate", "compare", "vcd", "split", "floats"]);
}
