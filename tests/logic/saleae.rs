//! Binary exports of Saleae's Logic 2.

use std::io::Cursor;

use atscope::capture::{Input, Options, open_levels};

use crate::{Drained, cut_everywhere, drain, rate, read, try_read};

fn head(version: u32, kind: u32) -> Vec<u8> {
    [b"<SALEAE>", &version.to_le_bytes()[..], &kind.to_le_bytes()].concat()
}

fn chunk(rate: Option<f64>, high: u32, begin: f64, end: f64, times: &[f64]) -> Vec<u8> {
    let mut all = high.to_le_bytes().to_vec();
    for value in rate.iter().chain(&[begin, end]) {
        all.extend(value.to_le_bytes());
    }
    all.extend((times.len() as u64).to_le_bytes());
    times.iter().for_each(|time| all.extend(time.to_le_bytes()));
    all
}

fn version_0(high: u32, begin: f64, end: f64, times: &[f64]) -> Vec<u8> {
    [head(0, 0), chunk(None, high, begin, end, times)].concat()
}

fn several(files: &[(&str, Vec<u8>)]) -> Drained {
    let files = files.iter().map(|(name, bytes)| {
        let input: Box<dyn std::io::Read + Send> = Box::new(Cursor::new(bytes.clone()));
        ((*name).to_owned(), input)
    });
    drain(&mut *open_levels("several", Input::Files(files.collect()), &Options::default()).unwrap())
}

#[test]
fn version_0_and_version_1() {
    let times = [0.000_001, 0.000_002_5, 0.5];
    let file = version_0(1, 0.0, 1.0, &times);
    let got = read(&file);
    assert_eq!(got.names(), ["test"]);
    assert_eq!(got.channels[0].clock, rate(1_000_000_000_000));
    assert_eq!(got.shown(0), "1@0 0@1000000 1@2500000 0@500000000000");
    assert_eq!(got.until, [1_000_000_000_001]);
    cut_everywhere(&file, &Options::default());

    // A gap of 0.2 s between two chunks, and none between the second and the third one.
    let parts = [
        head(1, 0),
        3u64.to_le_bytes().to_vec(),
        chunk(Some(1e6), 1, 0.0, 0.1, &[0.05]),
        chunk(Some(1e6), 1, 0.3, 0.4, &[0.35]),
        chunk(Some(1e6), 0, 0.4, 0.5, &[0.45]),
    ];
    let file = parts.concat();
    let got = read(&file);
    let ms = |text: &str| text.replace("ms", "000000000");
    assert_eq!(got.shown(0), ms("1@0 0@50ms x@100ms 1@300ms 0@350ms 1@450ms"));
    cut_everywhere(&file, &Options::default());
}

#[test]
fn several_files_are_one_capture_from_ahead_of_the_trigger() {
    let got = several(&[
        ("out/digital_0.bin", version_0(1, -0.5, 1.0, &[-0.25, 0.0])),
        ("out/digital_1.bin", version_0(0, -0.5, 1.0, &[0.5])),
        ("out/digital_1.bin", version_0(0, 0.0, 1.0, &[])),
        ("out/analog_0.bin", [head(0, 1), vec![0; 64]].concat()),
    ]);
    assert_eq!(got.names(), ["digital_0", "digital_1", "digital_1#2"]);
    let ms = |text: &str| text.replace("ms", "000000000");
    assert_eq!(got.shown(0), ms("1@0 0@250ms 1@500ms"));
    assert_eq!(got.shown(1), ms("0@0 1@1000ms"));
    assert_eq!(got.shown(2), ms("0@500ms"));
    assert_eq!(got.notes, ["1 files are left out: they hold no digital data"]);
}

#[test]
fn one_bad_file_keeps_the_others() {
    let good = version_0(1, 0.0, 1.0, &[0.1, 0.2]);
    let got = several(&[("a.bin", good[..good.len() - 3].to_vec()), ("b.bin", good.clone()), ("c.bin", Vec::new())]);
    assert_eq!(got.shown(1), "1@0 0@100000000000 1@200000000000");
    assert_eq!(got.shown(0), "1@0 0@100000000000");
    assert!(got.end().starts_with("c.bin: damaged at byte 0"), "{}", got.end());
}

#[test]
fn what_is_no_digital_export_is_refused() {
    let refused = |bytes: &[u8]| try_read(bytes, &Options::default()).unwrap_err().to_string();
    assert!(refused(&[head(0, 1), vec![0; 64]].concat()).contains("analog data; export the digital channels"));
    assert!(refused(&[head(2, 100), vec![0; 64]].concat()).contains("version 2 and type 100, as in `.sal`"));
    assert!(refused(b"<SALEAE>\0\0").contains("cut off") || refused(b"<SALEAE>\0\0").contains("neither"));
}

#[test]
fn damage() {
    for (file, what) in [
        (version_0(1, 0.0, 1.0, &[0.2, 0.1]), "the time runs backwards"),
        (version_0(1, 0.0, 1.0, &[f64::NAN]), "expected a time in seconds"),
        (version_0(1, 0.0, 1.0, &[1e300]), "expected a time in seconds"),
        (
            [version_0(1, 0.0, 1.0, &[0.2])[..36].to_vec(), u64::MAX.to_le_bytes().to_vec()].concat(),
            "cut off in the times",
        ),
    ] {
        let got = read(&file);
        assert!(got.end().contains(what), "{}", got.end());
        assert!(got.shown(0).starts_with("1@0"), "{}", got.shown(0));
    }
    // As many chunks as there are numbers, and all of them at one moment.
    let mut file = [head(1, 0), u64::MAX.to_le_bytes().to_vec()].concat();
    (0..10_000).for_each(|at| file.extend(chunk(Some(1e6), at % 2, 0.0, 0.0, &[0.0, 0.0])));
    assert!(read(&file).end().contains("cut off in a header"));
    let equal = version_0(1, 0.0, 1.0, &[0.5; 20_000]);
    assert_eq!(read(&equal).shown(0), "1@0");
}

#[test]
fn long_recordings_come_in_stretches() {
    let times: Vec<f64> = (1..100_000).map(|at| f64::from(at) * 1e-5).collect();
    let got = several(&[("a.bin", version_0(1, 0.0, 2.0, &times)), ("b.bin", version_0(0, 0.0, 2.0, &times))]);
    assert!(got.changes.iter().all(|changes| changes.len() == 100_000));
}
