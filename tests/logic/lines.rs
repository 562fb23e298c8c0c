//! Conversations on lines: from bytes to levels and back, through files.

use std::collections::BTreeMap;
use std::io::Cursor;

use atscope::capture::{
    CaptureError, Chunk, Fault, FaultKind, Format, LineOptions, Meta, Options, Reader, line_writer, open,
};
use atscope::{Sender, Time};

use crate::Shared;

const TALK: [(u64, Sender, &[u8]); 6] = [
    (1_000, Sender::Host, b"AT+CWMODE=1\r\n"),
    (12_500, Sender::Module, b"\r\nOK\r\n"),
    (40_000, Sender::Host, b"AT+GMR\r\n"),
    (41_500, Sender::Module, b"AT version:1.7.4.0\r\nSDK version:3.0.4\r\n\r\nOK\r\n"),
    (60_000, Sender::Host, b"AT+CIPSTATUS\r\n"),
    (61_000, Sender::Module, b"STATUS:2\r\n\r\nOK\r\n"),
];

fn written(format: Format, options: &LineOptions, chunks: &[(u64, Sender, &[u8])], faults: &[Fault]) -> Vec<u8> {
    let out = Shared::default();
    let mut writer = line_writer(format, Box::new(out.clone()), options).unwrap();
    writer.start(&Meta::new(Format::Transcript)).unwrap();
    for &(micros, from, bytes) in chunks {
        let time = Some(Time::from_nanos(micros * 1000));
        writer.chunk(&Chunk { session: 0, from, time, bytes, faults, place: None }).unwrap();
    }
    writer.finish().unwrap();
    std::mem::take(&mut *out.0.lock().unwrap())
}

type Heard = (BTreeMap<Sender, Vec<u8>>, Vec<(Sender, u64)>, Vec<Fault>, Option<CaptureError>, Vec<String>);

fn hear(file: &[u8], options: &Options) -> Result<Heard, CaptureError> {
    let mut reader: Box<dyn Reader> = open("lines", Box::new(Cursor::new(file.to_vec())), options)?;
    let (mut bytes, mut starts, mut faults) = (BTreeMap::<_, Vec<u8>>::new(), Vec::new(), Vec::new());
    let end = loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                let all = bytes.entry(chunk.from).or_default();
                faults.extend(chunk.faults.iter().map(|fault| Fault { at: all.len() + fault.at, ..*fault }));
                all.extend(chunk.bytes);
                starts.push((chunk.from, chunk.time.unwrap().as_nanos() / 1000));
            }
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    Ok((bytes, starts, faults, end, reader.meta().notes.clone()))
}

#[test]
fn a_conversation_survives_the_lines() {
    let side = |from| TALK.iter().filter(|talk| talk.1 == from).flat_map(|talk| talk.2).copied().collect::<Vec<u8>>();
    for format in [Format::Sigrok, Format::Vcd] {
        for (baud, samplerate) in [(115_200.0, None), (9600.0, Some(250_000)), (921_600.0, Some(24_000_000))] {
            let options = LineOptions { baud, samplerate, ..LineOptions::default() };
            // Ten times as slow where the line is.
            let slow = if baud < 100_000.0 { 10 } else { 1 };
            let talk = TALK.map(|(micros, from, bytes)| (micros * slow, from, bytes));
            let (bytes, starts, faults, end, notes) =
                hear(&written(format, &options, &talk, &[]), &Options::default()).unwrap();
            assert!(end.is_none() && faults.is_empty(), "{format} {baud}: {end:?} {faults:?}");
            assert_eq!(bytes[&Sender::Host], side(Sender::Host), "{format} at {baud}");
            assert_eq!(bytes[&Sender::Module], side(Sender::Module), "{format} at {baud}");
            // Who speaks before the other one has done waits for its turn: the order is kept.
            let mut over = 0;
            for (micros, from, bytes) in talk {
                let micros = micros.max(over);
                over = micros + (bytes.len() as f64 * 10.0 / baud * 1e6) as u64;
                let near = |start: &(Sender, u64)| start.0 == from && start.1.abs_diff(micros) <= 20;
                assert!(starts.iter().any(near), "{format} at {baud}: {from} at {micros} µs is not in {starts:?}");
            }
            assert!(notes.iter().any(|note| note.contains("host host, module module")), "{notes:?}");
        }
    }
}

#[test]
fn line_errors_stay_at_their_bytes() {
    let format: atscope::uart::Format = "8e1".parse().unwrap();
    let options = LineOptions { format, ..LineOptions::default() };
    let text = b"AT+CGMI\r\nAT+CGMM\r\nAT+CGSN\r\nAT+CIMI\r\n";
    let faults = [Fault { at: 12, kind: FaultKind::Parity }, Fault { at: 20, kind: FaultKind::Framing }];
    let file = written(Format::Sigrok, &options, &[(1000, Sender::Host, text)], &faults);
    let (bytes, _, heard, end, _) = hear(&file, &Options::default()).unwrap();
    assert!(end.is_none());
    assert_eq!(bytes[&Sender::Host].len(), text.len());
    assert!(heard.contains(&faults[0]), "{heard:?}");
    assert!(heard.contains(&faults[1]), "{heard:?}");
}

#[test]
fn what_came_ahead_of_the_damage_is_heard() {
    let file = written(Format::Vcd, &LineOptions::default(), &TALK, &[]);
    let cut = [&file[..file.len() * 3 / 4], b"\n\x01"].concat();
    let (bytes, _, _, end, _) = hear(&cut, &Options::default()).unwrap();
    assert!(bytes[&Sender::Host].starts_with(b"AT+CWMODE=1\r\nAT+GMR\r\n"));
    let end = end.unwrap();
    assert!(end.is_damage() && end.to_string().contains("chunks before it kept"), "{end}");
}

#[test]
fn choices() {
    let file = written(Format::Sigrok, &LineOptions::default(), &TALK, &[]);
    let with = |uart: &str| hear(&file, &Options { uart: Some(uart.to_owned()), ..Options::default() });
    let (bytes, ..) = with("host=module,module=host,baud=115200").unwrap();
    assert!(bytes[&Sender::Module].starts_with(b"AT+CWMODE"));
    let Err(error) = with("host=nobody") else { panic!("nobody is found") };
    assert!(error.to_string().contains("nobody"), "{error}");
    // Nobody speaks: no damage, and said with what to do.
    let quiet = b"$timescale 1 us $end\n$var wire 1 ! tx $end\n$enddefinitions $end\n#0\n1!\n#1000000\n";
    let (.., end, _) = hear(quiet, &Options::default()).unwrap();
    let end = end.unwrap();
    assert!(!end.is_damage() && end.to_string().contains("no serial line speaks in it (lines: tx)"), "{end}");
}

#[test]
fn several_conversations_are_refused() {
    let out = Shared::default();
    let mut writer = line_writer(Format::Vcd, Box::new(out), &LineOptions::default()).unwrap();
    writer.start(&Meta::new(Format::Transcript)).unwrap();
    let chunk = Chunk { session: 0, from: Sender::Host, time: None, bytes: b"AT\r\n", faults: &[], place: None };
    writer.chunk(&chunk).unwrap();
    let error = writer.chunk(&Chunk { session: 1, ..chunk }).unwrap_err().to_string();
    assert!(error.contains("--select"), "{error}");
}

#[test]
fn bytes_without_times_come_one_after_the_other() {
    let out = Shared::default();
    let mut writer = line_writer(Format::Sigrok, Box::new(out.clone()), &LineOptions::default()).unwrap();
    writer.start(&Meta::new(Format::Transcript)).unwrap();
    for (_, from, bytes) in TALK {
        writer.chunk(&Chunk { session: 0, from, time: None, bytes, faults: &[], place: None }).unwrap();
    }
    writer.finish().unwrap();
    let file = std::mem::take(&mut *out.0.lock().unwrap());
    let (_, starts, ..) = hear(&file, &Options::default()).unwrap();
    let order: Vec<Sender> = starts.iter().map(|start| start.0).collect();
    let mut turns = order.clone();
    turns.dedup();
    assert_eq!(turns, TALK.map(|talk| talk.1), "{order:?}");
}
