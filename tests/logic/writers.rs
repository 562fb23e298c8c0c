//! What is written is read as the same levels, by us and by others.

use std::io::{Cursor, Read};

use atscope::capture::{Format, Options, level_writer};
use atscope::uart::{Change, Channel, Clock, Level, Levels};
use proptest::prelude::*;

use crate::{Shared, drain, rate, read};

/// Writes stretches, cut at these times.
fn write(format: Format, channels: &[Channel], changes: &[Vec<Change>], cuts: &[u64], end: u64) -> Vec<u8> {
    let out = Shared::default();
    let mut writer = level_writer(format, Box::new(out.clone()), None).unwrap();
    writer.start(channels).unwrap();
    let mut from = 0;
    for &until in cuts.iter().chain([&end]) {
        let mut levels = Levels::new(channels.len());
        for (part, all) in levels.changes.iter_mut().zip(changes) {
            part.extend(all.iter().filter(|change| (from..until).contains(&change.at)));
        }
        levels.until.fill(until);
        writer.levels(&levels).unwrap();
        from = until;
    }
    writer.finish().unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

fn channels(count: usize, clock: Clock) -> Vec<Channel> {
    (0..count).map(|number| Channel { name: format!("D{number}"), clock }).collect()
}

fn changes(times: &[u64], first: bool) -> Vec<Change> {
    let level = |at: usize| if at.is_multiple_of(2) == first { Level::High } else { Level::Low };
    times.iter().enumerate().map(|(number, &at)| Change { at, level: level(number) }).collect()
}

proptest! {
    #[test]
    fn round_trip(
        steps in prop::collection::vec(prop::collection::vec(1u64..500, 0..40), 1..20),
        cut in 0u64..5000,
    ) {
        let all: Vec<Vec<Change>> = steps.iter().enumerate().map(|(number, steps)| {
            let mut times = vec![0];
            times.extend(steps.iter().scan(0, |at, step| { *at += step; Some(*at) }));
            changes(&times, number % 2 == 0)
        }).collect();
        let end = all.iter().flatten().map(|change| change.at).max().unwrap_or(0) + 7;
        let channels = channels(all.len(), rate(4_000_000));
        for format in [Format::Sigrok, Format::Vcd] {
            let file = write(format, &channels, &all, &[cut.min(end), (cut + 300).min(end)], end);
            let got = read(&file);
            prop_assert_eq!(&got.end, &None);
            // The timescale of the dump is finer than the samplerate.
            let scale = got.channels[0].clock.ticks / 4_000_000;
            let there: Vec<Vec<Change>> = got.changes.iter().map(|changes| {
                changes.iter().map(|change| Change { at: change.at / scale, ..*change }).collect()
            }).collect();
            prop_assert_eq!(&there, &all, "{}", format);
            prop_assert_eq!(got.until[0], end * scale);
            prop_assert_eq!(got.names(), channels.iter().map(|channel| channel.name.as_str()).collect::<Vec<_>>());
        }
    }
}

#[test]
fn others_read_our_archives() {
    let all = vec![changes(&[0, 5, 9_000_000], true)];
    let file = write(Format::Sigrok, &channels(1, rate(1_000_000)), &all, &[], 9_000_001);
    let mut zip = zip::ZipArchive::new(Cursor::new(file)).unwrap();
    let names: Vec<String> = (0..zip.len()).map(|at| zip.by_index(at).unwrap().name().unwrap().into_owned()).collect();
    assert_eq!(names, ["version", "metadata", "logic-1-1", "logic-1-2", "logic-1-3"]);
    let mut samples = Vec::new();
    for name in &names[2..] {
        zip.by_name(name).unwrap().read_to_end(&mut samples).unwrap();
    }
    assert_eq!(samples.len(), 9_000_001);
    let high: usize = samples.iter().map(|sample| usize::from(*sample)).sum();
    assert_eq!(high, 5 + 1);
}

#[test]
fn unknown_levels_and_several_clocks() {
    let both =
        [Channel { name: "a b$".to_owned(), clock: rate(1_000) }, Channel { name: "b".to_owned(), clock: rate(3_000) }];
    let x = Change { at: 2, level: Level::Unknown };
    let mut levels = Levels::new(2);
    levels.changes = vec![vec![Change { at: 0, level: Level::High }, x], changes(&[0, 3, 6], false)];
    levels.until = vec![4, 12];
    let write = |format, rate| {
        let out = Shared::default();
        let mut writer = level_writer(format, Box::new(out.clone()), rate).unwrap();
        writer.start(&both).unwrap();
        writer.levels(&levels).unwrap();
        writer.finish().unwrap();
        std::mem::take(&mut *out.0.lock().unwrap())
    };
    let vcd = read(&write(Format::Vcd, None));
    assert_eq!(vcd.names(), ["a_b_", "b"]);
    // Thirds of a millisecond fit into no timescale: a picosecond is near enough.
    assert_eq!(vcd.channels[0].clock, rate(1_000_000_000_000));
    assert_eq!(vcd.shown(0), "1@0 x@2000000000");
    assert_eq!(vcd.shown(1), "0@0 1@1000000000 0@2000000000");
    let sr = read(&write(Format::Sigrok, None));
    assert_eq!(sr.names(), ["a b$", "b"]);
    assert_eq!(sr.channels[0].clock, rate(3_000));
    assert_eq!((sr.shown(0), sr.shown(1)), ("1@0".to_owned(), "0@0 1@3 0@6".to_owned()));
    let slow = read(&write(Format::Sigrok, Some(1000)));
    assert_eq!(slow.shown(1), "0@0 1@1 0@2");
}

#[test]
fn what_does_not_fit_is_refused() {
    let refused = |format, channels: &[Channel], rate| {
        let mut writer = level_writer(format, Box::new(Shared::default()), rate)?;
        writer.start(channels)?;
        let mut levels = Levels::new(channels.len());
        levels.until.fill(u64::MAX);
        writer.levels(&levels)
    };
    let fine = rate(1_000_000_000_000);
    let text = |format, channels: &[Channel], rate| refused(format, channels, rate).unwrap_err().to_string();
    assert!(text(Format::Sigrok, &channels(65, rate(1)), None).contains("64 lines"));
    assert!(text(Format::Sigrok, &channels(1, fine), None).contains("--write-rate"));
    assert!(text(Format::Sigrok, &channels(1, fine), Some(1_000_000_000)).contains("lower samplerate"));
    assert!(text(Format::Dsl, &channels(1, fine), None).contains("sr or vcd"));
}

#[test]
fn a_table_becomes_a_session() {
    let table = b"Time [s],TX,RX\n0.000000,1,1\n0.000010,0,1\n0.000020,1,0\n";
    let input = atscope::capture::Input::Stream(Box::new(Cursor::new(table)));
    let mut reader = atscope::capture::open_levels("table", input, &Options::default()).unwrap();
    let out = Shared::default();
    let mut writer = level_writer(Format::Sigrok, Box::new(out.clone()), Some(1_000_000)).unwrap();
    writer.start(reader.channels()).unwrap();
    let mut levels = Levels::new(2);
    while reader.read(&mut levels).unwrap() {
        writer.levels(&levels).unwrap();
        levels.clear();
    }
    writer.finish().unwrap();
    let file = std::mem::take(&mut *out.0.lock().unwrap());
    let input = atscope::capture::Input::File(Box::new(Cursor::new(file)));
    let got = drain(&mut *atscope::capture::open_levels("sr", input, &Options::default()).unwrap());
    assert_eq!((got.shown(0), got.shown(1)), ("1@0 0@10 1@20".to_owned(), "1@0 0@20".to_owned()));
}
