//! Sessions of sigrok and PulseView.

use std::io::{Cursor, Write};

use atscope::capture::Options;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{Numbers, cut_everywhere, naive, rate, read, try_read};

pub const STORED: CompressionMethod = CompressionMethod::Stored;
pub const DEFLATED: CompressionMethod = CompressionMethod::Deflated;

/// An archive of members.
pub fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

pub fn metadata(unit: usize, probes: &[&str]) -> String {
    let mut text = format!(
        "[global]\nsigrok version=0.5.2\n\n[device 1]\ncapturefile=logic-1\ntotal probes={}\nsamplerate=1 MHz\n\
         total analog=0\n",
        unit * 8
    );
    for (at, name) in probes.iter().enumerate() {
        text.push_str(&format!("probe{}={name}\n", at + 1));
    }
    text.push_str(&format!("unitsize={unit}\n"));
    text
}

/// Samples with quiet and busy stretches.
pub fn samples(unit: usize, count: usize, seed: u64) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut all = Vec::new();
    let mut sample = numbers.draw();
    while all.len() < unit * count {
        let run = match numbers.below(4) {
            0 => numbers.below(700),
            _ => numbers.below(9),
        };
        for _ in 0..=run {
            all.extend_from_slice(&sample.to_le_bytes()[..unit]);
        }
        sample ^= 1 << numbers.below(64);
    }
    all.truncate(unit * count);
    all
}

#[test]
fn every_unit_size_and_method() {
    for unit in 1..=8 {
        for method in [STORED, DEFLATED] {
            let data = samples(unit, 5000, unit as u64);
            let (first, rest) = data.split_at(unit * 1237);
            let meta = metadata(unit, &[]);
            let members: [(&str, &[u8]); 4] =
                [("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", first), ("logic-1-2", rest)];
            let got = read(&archive(&members, method));
            let bits: Vec<usize> = (0..unit * 8).collect();
            assert_eq!(got.changes, naive(&data, unit, &bits), "unit size {unit}");
            assert_eq!(got.until, vec![5000; unit * 8]);
            assert_eq!(got.names()[0], "D0");
            assert_eq!(got.channels[0].clock, rate(1_000_000));
            assert_eq!(got.end, None);
            assert!(got.notes.is_empty());
        }
    }
}

#[test]
fn named_probes_are_the_lines() {
    let data = samples(1, 300, 5);
    let meta = "[device 1]\ncapturefile=logic-1\ntotal probes=8\nsamplerate=24 MHz\nprobe4=RX\nprobe5=TX\nunitsize=1\n";
    let got = read(&archive(&[("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", &data)], DEFLATED));
    assert_eq!(got.names(), ["RX", "TX"]);
    assert_eq!(got.changes, naive(&data, 1, &[3, 4]));
    assert_eq!(got.channels[1].clock, rate(24_000_000));
}

#[test]
fn version_1_has_its_metadata_last() {
    let data = samples(1, 300, 6);
    let meta = "[global]\nsigrok version = 0.2.0\n[device 1]\ndriver = fx2lafw\ncapturefile = logic-1\nunitsize = 1\n\
                total probes = 8\nsamplerate = 500 kHz\nprobe1 = TX\nprobe2 = RX\n";
    let file = archive(&[("version", b"1"), ("logic-1", &data), ("metadata", meta.as_bytes())], DEFLATED);
    let got = read(&file);
    assert_eq!(got.names(), ["TX", "RX"]);
    assert_eq!(got.changes, naive(&data, 1, &[0, 1]));
    assert_eq!(got.channels[0].clock, rate(500_000));
    // Cut ahead of it, the user can say what it said.
    let cut = &file[..file.len() - 200];
    let error = try_read(&file[..120], &Options::default()).unwrap_err();
    assert!(error.is_damage() && error.to_string().contains("`metadata` is lost; say --samplerate"), "{error}");
    let options = Options { samplerate: Some(500_000), unit_size: Some(1), ..Options::default() };
    let rest = try_read(cut, &options).unwrap();
    assert!(rest.end.is_some());
}

#[test]
fn blocks_may_be_out_of_order() {
    let data = samples(2, 3000, 7);
    let meta = metadata(2, &["A", "B"]);
    let blocks: Vec<&[u8]> = data.chunks(2 * 250).collect();
    let names: Vec<String> = (1..=blocks.len()).map(|number| format!("logic-1-{number}")).collect();
    let mut members: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(blocks).collect();
    members.reverse();
    members.push(("metadata", meta.as_bytes()));
    members.push(("version", b"2"));
    let got = read(&archive(&members, DEFLATED));
    assert_eq!(got.changes, naive(&data, 2, &[0, 1]));
}

#[test]
fn a_missing_block_is_damage() {
    let data = samples(1, 1000, 8);
    let meta = metadata(1, &["A"]);
    let file = archive(
        &[("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", &data), ("logic-1-3", &data)],
        DEFLATED,
    );
    let got = read(&file);
    assert_eq!(got.changes, naive(&data, 1, &[0]));
    assert!(got.end().contains("block 2 of device 1 is missing"), "{}", got.end());
}

#[test]
fn several_devices_have_rates_of_their_own() {
    let (one, two) = (samples(1, 4000, 9), samples(2, 500, 10));
    let meta = "[device 1]\ncapturefile=logic-1\ntotal probes=1\nsamplerate=8 MHz\nprobe1=TX\nunitsize=1\n\
                [device 2]\ncapturefile=logic-2\ntotal probes=9\nsamplerate=1 MHz\nprobe1=TX\nprobe9=RX\nunitsize=2\n\
                total analog=1\nanalog10=A0\n";
    let members: [(&str, &[u8]); 5] = [
        ("version", b"2"),
        ("metadata", meta.as_bytes()),
        ("logic-1-1", &one),
        ("analog-1-10-1", b"\0\0\0\0"),
        ("logic-2-1", &two),
    ];
    let got = read(&archive(&members, DEFLATED));
    assert_eq!(got.names(), ["TX", "TX#2", "RX"]);
    assert_eq!(got.changes[0], naive(&one, 1, &[0])[0]);
    assert_eq!(got.changes[1..], naive(&two, 2, &[0, 8]));
    assert_eq!(got.channels[0].clock, rate(8_000_000));
    assert_eq!(got.channels[2].clock, rate(1_000_000));
    assert_eq!(got.notes, ["device 2: 1 analog channels are left out"]);
}

#[test]
fn archives_out_of_a_pipe_are_read() {
    let data = samples(1, 3000, 11);
    let meta = metadata(1, &["A"]);
    // Sizes stand behind the members, as a writer that cannot seek has it.
    let mut zip = ZipWriter::new_stream(Vec::new());
    for (name, bytes) in [("version", &b"2"[..]), ("metadata", meta.as_bytes()), ("logic-1-1", &data)] {
        zip.start_file(name, SimpleFileOptions::default().compression_method(DEFLATED)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    let file = zip.finish().unwrap().into_inner();
    assert_eq!(read(&file).changes, naive(&data, 1, &[0]));
    cut_everywhere(&file, &Options::default());
}

#[test]
fn cut_at_every_byte() {
    let data = samples(1, 2000, 12);
    let meta = metadata(1, &["A", "B", "C"]);
    let (first, rest) = data.split_at(900);
    let members: [(&str, &[u8]); 4] =
        [("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", first), ("logic-1-2", rest)];
    for method in [STORED, DEFLATED] {
        cut_everywhere(&archive(&members, method), &Options::default());
    }
}

#[test]
fn a_flipped_bit_is_found() {
    let data = samples(1, 2000, 13);
    let meta = metadata(1, &["A"]);
    for method in [STORED, DEFLATED] {
        let file = archive(&[("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", &data)], method);
        let at = file.windows(9).position(|window| window == b"logic-1-1").unwrap() + 9 + 20;
        for bit in 0..8 {
            let mut bad = file.clone();
            bad[at] ^= 1 << bit;
            let got = read(&bad);
            assert!(got.end().contains("damaged at byte"), "{}", got.end());
        }
    }
}

#[test]
fn bombs_and_loops_are_refused() {
    // The directory names one block ten thousand times.
    let block = vec![0x55; 1 << 20];
    let meta = metadata(1, &["A"]);
    let file = archive(&[("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", &block)], DEFLATED);
    let start = file.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    let end = file.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let entry = &file[start..end];
    let mut bomb = file[..start].to_vec();
    let first = file.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bomb.truncate(start);
    for number in 2..10_000 {
        let mut entry = entry.to_vec();
        let name = format!("logic-1-{number}");
        entry[28] = name.len() as u8;
        entry.splice(46..46 + 9, name.bytes());
        bomb.extend(entry);
    }
    let len = (bomb.len() - first) as u32;
    let mut tail = file[end..].to_vec();
    tail[8..10].copy_from_slice(&10_000u16.to_le_bytes());
    tail[10..12].copy_from_slice(&10_000u16.to_le_bytes());
    tail[12..16].copy_from_slice(&len.to_le_bytes());
    bomb.extend(tail);
    let error = try_read(&bomb, &Options::default()).unwrap_err();
    assert!(error.to_string().contains("overlap"), "{error}");

    // A member that unpacks to more than it says.
    let mut lies = file;
    for magic in [b"PK\x03\x04", b"PK\x01\x02"] {
        let at = lies.windows(4).rposition(|window| window == magic).unwrap();
        let size = if magic[2] == 3 { at + 22 } else { at + 24 };
        lies[size..size + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    let got = read(&lies);
    assert!(got.end().contains("unpacks to more than its size"), "{}", got.end());
}

#[test]
fn what_is_missing_is_said() {
    let data = samples(1, 100, 14);
    let file = |meta: &str| archive(&[("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", &data)], STORED);
    let refused = |meta: &str| try_read(&file(meta), &Options::default()).unwrap_err().to_string();
    assert!(refused("[device 1]\ncapturefile=logic-1\nunitsize=1\n").contains("say it with --samplerate"));
    assert!(refused("[device 1]\nsamplerate=fast\ncapturefile=logic-1\n").contains("samplerate `fast`"));
    assert!(refused("[device 1]\nsamplerate=1 MHz\ncapturefile=logic-1\nunitsize=9\n").contains("9 bytes"));
    assert!(refused("").contains("no samples"));
    let options = Options { samplerate: Some(1000), ..Options::default() };
    let got = try_read(&file("[device 1]\ncapturefile=logic-1\nunitsize=1\n"), &options).unwrap();
    assert_eq!(got.channels[0].clock, rate(1000));
    let odd = read(&file("[device 1]\nsamplerate=1 MHz\ncapturefile=logic-1\nunitsize=3\n"));
    assert_eq!(odd.notes, ["device 1: the last sample is not whole"]);
    let error =
        try_read(&archive(&[("meta.json", b"{}"), ("digital-0.bin", b"<SALEAE>")], STORED), &Options::default());
    assert!(error.unwrap_err().to_string().contains("Logic 2 (`.sal`)"));
    let error = try_read(&archive(&[("word/document.xml", b"<a/>")], STORED), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("no session of sigrok"), "{error}");
}

#[test]
fn busy_lines_come_in_bounded_stretches() {
    // Eight lines that all change with every sample: the laws are held by `drain`.
    let data: Vec<u8> = (0..400_000).map(|at| if at % 2 == 0 { 0 } else { 0xFF }).collect();
    let meta = metadata(1, &[]);
    let got = read(&archive(&[("version", b"2"), ("metadata", meta.as_bytes()), ("logic-1-1", &data)], DEFLATED));
    assert!(got.changes.iter().all(|changes| changes.len() == 400_000));
}
