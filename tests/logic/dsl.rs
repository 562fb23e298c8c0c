//! Sessions of DSView.

use atscope::capture::Options;

use crate::sr::{DEFLATED, STORED, archive, samples};
use crate::{cut_everywhere, naive, rate, read, try_read};

fn header(total: usize) -> String {
    format!(
        "[version]\nversion = 3\n[header]\ndriver = DSLogic\ndevice mode = 0\ncapturefile = data\ntotal samples = {total}\n\
         total probes = 2\ntotal blocks = 3\nsamplerate = 100 MHz\ntrigger time = 1700000000000\ntrigger pos = 0\n\
         probe0 = TX\nprobe5 = RX\n"
    )
}

/// One bit of samples of a byte, packed, the first sample in the lowest bit.
fn packed(samples: &[u8], bit: usize) -> Vec<u8> {
    let byte = |eight: &[u8]| eight.iter().rev().fold(0, |byte, sample| byte << 1 | (sample >> bit & 1));
    samples.chunks(8).map(byte).collect()
}

fn session(samples: &[u8], total: usize, block: usize) -> Vec<(String, Vec<u8>)> {
    let mut members = vec![
        ("header".to_owned(), header(total).into_bytes()),
        ("decoders".to_owned(), b"[]".to_vec()),
        ("session".to_owned(), b"{}".to_vec()),
    ];
    for channel in [0, 5] {
        for (number, bytes) in packed(samples, channel).chunks(block).enumerate() {
            members.push((format!("L-{channel}/{number}"), bytes.to_vec()));
        }
    }
    members
}

fn zipped(members: &[(String, Vec<u8>)], method: zip::CompressionMethod) -> Vec<u8> {
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    archive(&members, method)
}

#[test]
fn channels_are_read_side_by_side() {
    let data = samples(1, 50_003, 1);
    for (block, method) in [(100_000, DEFLATED), (1000, DEFLATED), (777, STORED)] {
        let got = read(&zipped(&session(&data, data.len(), block), method));
        assert_eq!(got.names(), ["TX", "RX"]);
        assert_eq!(got.channels[0].clock, rate(100_000_000));
        assert_eq!(got.changes, naive(&data, 1, &[0, 5]));
        assert_eq!(got.until, [50_003, 50_003]);
        assert_eq!(got.end, None);
    }
    // The last block is filled up with what was there before.
    let mut padded = data.clone();
    padded.extend([0xFF, 0, 0xFF, 0, 0xFF]);
    let got = read(&zipped(&session(&padded, data.len(), 1000), DEFLATED));
    assert_eq!(got.changes, naive(&data, 1, &[0, 5]));
}

#[test]
fn damage() {
    let data = samples(1, 4000, 2);
    for method in [STORED, DEFLATED] {
        cut_everywhere(&zipped(&session(&data, data.len(), 200), method), &Options::default());
    }
    let mut members = session(&data, data.len(), 200);
    members.retain(|(name, _)| name != "L-0/1");
    let got = read(&zipped(&members, DEFLATED));
    assert!(got.end().contains("block 1 ahead of this one is missing"), "{}", got.end());
    assert_eq!(got.changes[1], naive(&data, 1, &[5])[0]);
}

#[test]
fn what_is_missing_is_said() {
    let refused =
        |members: &[(&str, &[u8])]| try_read(&archive(members, STORED), &Options::default()).unwrap_err().to_string();
    assert!(refused(&[("header", b"samplerate = 1 MHz"), ("session", b""), ("O-0/0", b"xx")]).contains("oscilloscope"));
    assert!(refused(&[("header", b""), ("session", b""), ("L-0/0", b"xx")]).contains("--samplerate"));
    assert!(refused(&[("header", b""), ("session", b"")]).contains("no samples"));
    let short = read(&archive(&[("header", header(99).as_bytes()), ("L-0/0", b"\x55")], STORED));
    assert_eq!(short.notes, ["there are fewer samples than `header` says"]);
    assert_eq!(short.until, [8]);
}
