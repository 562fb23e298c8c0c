//! Recovery of bytes from logic levels: every speed, format and samplerate, with what lines do to them.

#![cfg(feature = "capture")]
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use atscope::Sender;
use atscope::uart::{
    Byte, Change, Channel, Clock, Disturbance, Encoder, Faults, Flaw, Format, Level, Levels, Line, Parity, Receiver,
    Recovery, Run, Setting, StopBits, Survey, settings,
};
use proptest::prelude::*;

/// A recorded line.
struct Recorded {
    name: &'static str,
    rate: u64,
    changes: Vec<Change>,
    until: u64,
}

/// Recovers lines, `cut` ticks a stretch.
fn recover_cut(lines: &[Recorded], given: &[Setting], cut: u64) -> (Vec<Run>, Survey) {
    let channels: Vec<Channel> = lines
        .iter()
        .map(|line| Channel { name: line.name.to_owned(), clock: Clock::of_rate(line.rate).unwrap() })
        .collect();
    let mut recovery = Recovery::new(&channels, given).unwrap();
    let mut levels = Levels::new(lines.len());
    let mut runs = Vec::new();
    let end = lines.iter().map(|line| line.until).max().unwrap_or(0);
    let mut at = 0;
    let mut next = vec![0; lines.len()];
    while at < end {
        at = at.saturating_add(cut).min(end);
        levels.clear();
        for (lane, line) in lines.iter().enumerate() {
            let until = at.min(line.until);
            while let Some(change) = line.changes.get(next[lane]).filter(|change| change.at < until) {
                levels.changes[lane].push(*change);
                next[lane] += 1;
            }
            levels.until[lane] = until;
        }
        recovery.push(&levels);
        runs.extend(std::iter::from_fn(|| recovery.next_run()));
    }
    recovery.finish();
    runs.extend(std::iter::from_fn(|| recovery.next_run()));
    (runs, recovery.survey())
}

fn recover(lines: &[Recorded], given: &str) -> (Vec<Run>, Survey) {
    recover_cut(lines, &settings(given).unwrap(), u64::MAX)
}

/// All bytes of a sender.
fn said(runs: &[Run], from: Sender) -> Vec<u8> {
    runs.iter().filter(|run| run.from == from).flat_map(|run| run.bytes.clone()).collect()
}

/// A line that sends values one behind the other, with a rest around them.
fn line_of(rate: u64, baud: f64, format: Format, how: Disturbance, values: &[u16]) -> Recorded {
    let mut changes = Vec::new();
    let mut encoder = Encoder::new(Clock::of_rate(rate).unwrap(), baud, format, how);
    encoder.rest(40.0, &mut changes);
    for &value in values {
        encoder.send(value, None, &mut changes);
    }
    encoder.rest(40.0, &mut changes);
    Recorded { name: "D0", rate, changes, until: encoder.tick() }
}

fn text(bytes: &str) -> Vec<u16> {
    bytes.bytes().map(u16::from).collect()
}

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

const BAUDS: [u32; 19] = [
    1200, 1800, 2400, 4800, 7200, 9600, 14_400, 19_200, 28_800, 31_250, 38_400, 57_600, 74_880, 115_200, 230_400,
    250_000, 460_800, 500_000, 921_600,
];

/// Ticks a bit, what they allow in jitter (bits), and the error of speed.
const CLOCKS: [(f64, f64, f64); 10] = [
    (4.0, 0.0, 0.0),
    (4.0, 0.0, 0.03),
    (4.34, 0.0, -0.03),
    (5.1, 0.02, 0.02),
    (6.0, 0.05, -0.02),
    (8.68, 0.08, 0.03),
    (16.0, 0.1, -0.03),
    (17.36, 0.12, 0.01),
    (52.08, 0.15, -0.01),
    (868.1, 0.15, 0.03),
];

/// What a format looks like on a line: a mark is a stop bit.
fn seen_as(format: Format) -> Option<Format> {
    match (format.parity, format.data_bits) {
        (Parity::Mark, _) if format.stop_bits == StopBits::One => {
            Some(Format { parity: Parity::None, stop_bits: StopBits::Two, ..format })
        }
        (Parity::Mark, _) | (Parity::Space, 5 | 6) => None,
        (Parity::Space, 7) => Some(Format { parity: Parity::None, data_bits: 8, ..format }),
        _ => Some(format),
    }
}

#[test]
fn every_speed_format_and_samplerate() {
    let mut turn = 0;
    let mut numbers = Numbers(1);
    for baud in BAUDS {
        for data_bits in 5..=9_u8 {
            for parity in Parity::ALL {
                let stop_bits = StopBits::ALL[turn % 3];
                let format = Format { data_bits, parity, stop_bits, ..Format::default() };
                let (ticks, jitter, speed) = CLOCKS[turn % CLOCKS.len()];
                turn += 1;
                let rate = (f64::from(baud) * ticks) as u64;
                let how = Disturbance { jitter, speed, seed: turn as u64, ..Disturbance::default() };
                let mask = (1_u16 << data_bits) - 1;
                let values: Vec<u16> = match data_bits {
                    7 | 8 => text("AT+CWMODE=1\r\nOK\r\n+CWJAP:\"office\",\"ca:d7:19:d8:a6:44\",6,-40\r\n"),
                    _ => (0..70).map(|_| numbers.below(512) as u16 & mask).collect(),
                };
                let case = format!("{baud} {format}, {ticks} ticks a bit, jitter {jitter}, speed {speed}");
                let line = line_of(rate, baud.into(), format, how, &values);
                let bytes: Vec<u8> = values.iter().map(|&value| value as u8).collect();

                // With all that is known.
                let given = format!("module=D0,baud={baud},format={format}");
                let (runs, survey) = recover(std::slice::from_ref(&line), &given);
                assert!(said(&runs, Sender::Module) == bytes, "{case}, as given: {survey:?}");
                assert!(runs.iter().all(|run| run.faults.is_empty()), "{case}, as given");

                // With nothing.
                let (runs, survey) = recover(&[line], "");
                let Some(truth) = seen_as(format) else { continue };
                let found = survey.lines[0].speed().unwrap_or_else(|| panic!("{case}: no UART"));
                assert_eq!((found.baud, found.format), (f64::from(baud), truth), "{case}");
                assert!(found.confidence > 0.7, "{case}: {}", found.confidence);
                let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
                assert!(all == bytes, "{case}: {:?}", survey.told());
                assert!(runs.iter().all(|run| run.faults.is_empty()), "{case}");
            }
        }
    }
}

/// Host and module that talk to each other, the module answering a little later.
fn talk(rate: u64, baud: f64, turns: &[(Sender, &str)]) -> [Recorded; 2] {
    let clock = Clock::of_rate(rate).unwrap();
    let mut encoders = [0, 1].map(|_| Encoder::new(clock, baud, Format::default(), Disturbance::default()));
    let mut changes = [Vec::new(), Vec::new()];
    let mut now = rate / 100;
    for (from, text) in turns {
        let side = usize::from(*from == Sender::Module);
        encoders[side].rest_until(now, &mut changes[side]);
        for byte in text.bytes() {
            encoders[side].send(byte.into(), None, &mut changes[side]);
        }
        now = encoders[side].tick() + rate / 500;
    }
    let mut names = ["D0", "D1"].into_iter();
    let until = now + rate / 100;
    changes.map(|mut changes| {
        if changes.is_empty() {
            changes.push(Change { at: 0, level: Level::High });
        }
        Recorded { name: names.next().unwrap(), rate, changes, until }
    })
}

fn words(runs: &[Run]) -> Vec<(u32, Sender, String)> {
    let mut turns: Vec<(u32, Sender, String)> = Vec::new();
    for run in runs {
        let text = String::from_utf8_lossy(&run.bytes);
        match turns.last_mut() {
            Some(last) if (last.0, last.1) == (run.session, run.from) => last.2 += &text,
            _ => turns.push((run.session, run.from, text.into_owned())),
        }
    }
    turns
}

const TURNS: [(Sender, &str); 6] = [
    (Sender::Host, "AT\r\n"),
    (Sender::Module, "\r\nOK\r\n"),
    (Sender::Host, "AT+CSQ\r\n"),
    (Sender::Module, "\r\n+CSQ: 20,99\r\n\r\nOK\r\n"),
    (Sender::Host, "AT+CIPSEND=5\r\n"),
    (Sender::Module, "> "),
];

#[test]
fn who_is_who() {
    let [host, module] = talk(1_000_000, 115_200.0, &TURNS);
    let expected: Vec<_> = TURNS.iter().map(|(from, text)| (0, *from, (*text).to_owned())).collect();
    // The module's line comes first, and the host is found all the same.
    let (runs, survey) = recover(&[module, host], "");
    assert_eq!(words(&runs), expected);
    assert_eq!(survey.told(), ["host D0, module D1, 115200 8n1 (99 % sure)"]);
    assert_eq!(runs[0].time.as_nanos(), 10_000_000);
}

#[test]
fn several_conversations_are_sessions() {
    let [a, b] = talk(1_000_000, 115_200.0, &TURNS);
    let later: Vec<(Sender, &str)> = TURNS.iter().cycle().take(18).copied().collect();
    let [c, d] = talk(1_000_000, 9600.0, &later);
    let [c, d] = [Recorded { name: "D2", ..c }, Recorded { name: "D3", ..d }];
    // A clock and a quiet line beside them.
    let clock = (0..4000).map(|at| Change { at: at * 20, level: if at % 2 == 0 { Level::Low } else { Level::High } });
    let clock = Recorded { name: "CLK", rate: 1_000_000, changes: clock.collect(), until: a.until };
    let quiet =
        Recorded { name: "NC", rate: 1_000_000, changes: vec![Change { at: 0, level: Level::High }], until: 1000 };
    let (runs, survey) = recover(&[d, clock, a, c, quiet, b], "");
    let told = survey.told();
    assert_eq!(told[0], "session 0: host D2, module D3, 9600 8n1 (99 % sure)");
    assert_eq!(told[1], "session 1: host D0, module D1, 115200 8n1 (99 % sure)");
    assert_eq!(told.len(), 2);
    let first: Vec<_> = words(&runs).into_iter().filter(|word| word.0 == 1).collect();
    assert_eq!(first, TURNS.map(|(from, text)| (1, from, text.to_owned())));
    assert!(runs.iter().zip(&runs[1..]).all(|(a, b)| a.time <= b.time), "in order of time");
}

#[test]
fn one_line_with_both_senders_is_taken_apart() {
    let turns = TURNS.map(|(_, text)| (Sender::Host, text));
    let [both, _] = talk(1_000_000, 115_200.0, &turns);
    let (runs, survey) = recover(&[both], "");
    assert_eq!(words(&runs), TURNS.map(|(from, text)| (0, from, text.to_owned())));
    assert!(survey.told()[0].starts_with("host and module D0, 115200 8n1"), "{:?}", survey.told());
    // A module that echoes, in one go with its answer.
    let [echo, _] = talk(1_000_000, 115_200.0, &[(Sender::Host, "AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n")]);
    let (runs, _) = recover(&[echo], "");
    assert_eq!(
        words(&runs),
        [(0, Sender::Host, "AT+CSQ\r".to_owned()), (0, Sender::Module, "\r\n+CSQ: 20,99\r\n\r\nOK\r\n".to_owned())]
    );
}

#[test]
fn a_change_of_speed_is_followed() {
    let clock = Clock::of_rate(2_000_000).unwrap();
    let parts: [(f64, &str); 3] = [
        (74_880.0, "\r\n ets Jan  8 2013,rst cause:1, boot mode:(3,6)\r\n\r\nload 0x40100000, len 1396, room 16 \r\n"),
        (115_200.0, "\r\nready\r\nWIFI CONNECTED\r\nWIFI GOT IP\r\nAT+UART_CUR=9600,8,1,0,0\r\n\r\nOK\r\n"),
        (9600.0, "AT\r\n\r\nOK\r\nAT+CSQ\r\n+CSQ: 20,99\r\n\r\nOK\r\n"),
    ];
    let mut changes = Vec::new();
    let mut tick = 10_000;
    let mut starts = Vec::new();
    for (baud, text) in parts {
        let mut encoder = Encoder::new(clock, baud, Format::default(), Disturbance::default());
        let mut part = Vec::new();
        encoder.rest_until(tick, &mut part);
        starts.push(tick);
        for byte in text.bytes() {
            encoder.send(byte.into(), None, &mut part);
        }
        tick = encoder.tick() + 40_000;
        changes.extend(part.into_iter().skip(usize::from(!changes.is_empty())));
    }
    let line = Recorded { name: "D0", rate: 2_000_000, changes, until: tick };
    let (runs, survey) = recover(std::slice::from_ref(&line), "");
    let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
    let expected: String = parts.iter().map(|part| part.1).collect();
    assert_eq!(String::from_utf8_lossy(&all), expected, "{:?}", survey.told());
    let bauds: Vec<f64> = survey.lines[0].turns.iter().map(|turn| turn.baud).collect();
    assert_eq!(bauds, [74_880.0, 115_200.0, 9600.0], "{:?}", survey.told());
    assert!(runs.iter().all(|run| run.faults.is_empty()));
    // Short stretches give the same.
    assert_eq!(recover_cut(&[line], &[], 777).0, runs);
}

#[test]
fn what_is_no_uart_is_not_read() {
    let high = |at| Change { at, level: Level::High };
    let low = |at| Change { at, level: Level::Low };
    let mut numbers = Numbers(5);
    let mut cases: Vec<(&str, Vec<Change>)> = Vec::new();
    cases.push(("idle", vec![high(0)]));
    cases.push(("clock", (0..3000).map(|at| if at % 2 == 0 { low(at * 10) } else { high(at * 10) }).collect()));
    for duty in 1..10 {
        let pulses = (1..200).flat_map(|at| [high(at * 1000), low(at * 1000 + duty * 100)]);
        cases.push(("pwm", std::iter::once(low(0)).chain(pulses).collect()));
    }
    for bits in [400, 2000, 6000] {
        let (mut changes, mut last) = (vec![high(0)], true);
        for at in 0..bits {
            let next = numbers.below(2) == 1;
            if next != last {
                changes.push(if next { high(500 + at * 10) } else { low(500 + at * 10) });
                last = next;
            }
        }
        cases.push(("serial data without frames", changes));
    }
    for count in [10, 100, 1000, 5000] {
        let mut at = 0;
        let random = (0..count).map(|number| {
            at += 1 + numbers.below(300);
            if number % 2 == 0 { low(at) } else { high(at) }
        });
        cases.push(("random", std::iter::once(high(0)).chain(random).collect()));
    }
    // Bursts of eight clock pulses, resting high and low.
    for rest in [false, true] {
        let pulse = |at: u64| if rest { [low(at), high(at + 10)] } else { [high(at), low(at + 10)] };
        let bursts = (0..100).flat_map(|burst| (0..8).flat_map(move |bit| pulse(1000 + burst * 400 + bit * 20)));
        cases.push(("spi clock", std::iter::once(if rest { high(0) } else { low(0) }).chain(bursts).collect()));
    }
    for (name, changes) in cases {
        let until = changes.last().unwrap().at + 1000;
        let count = changes.len();
        let (runs, survey) = recover(&[Recorded { name: "D0", rate: 10_000_000, changes, until }], "");
        assert!(survey.lines[0].turns.is_empty(), "{name}, {count} changes: {:?}", survey.lines[0].turns);
        assert!(runs.is_empty(), "{name}, {count} changes: {runs:?}");
    }
}

#[test]
fn little_is_read_and_not_trusted() {
    for (words, most) in [("U", 0.35), ("UUUU", 0.35), ("A", 0.5), ("AT\r", 0.8), ("\r\nOK\r\n", 0.95)] {
        for (rate, baud) in [(1_000_000, 115_200.0), (24_000_000, 9600.0), (460_800, 115_200.0)] {
            let line = line_of(rate, baud, Format::default(), Disturbance::default(), &text(words));
            let (runs, survey) = recover(&[line], "");
            let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
            assert_eq!(all, words.as_bytes(), "{words:?} at {baud}");
            let speed = survey.lines[0].speed().unwrap();
            assert_eq!((speed.baud, speed.format), (baud, Format::default()), "{words:?}");
            assert!(speed.confidence < most, "{words:?}: {}", speed.confidence);
        }
    }
}

#[test]
fn line_errors_are_where_they_are() {
    let clock = Clock::of_rate(1_000_000).unwrap();
    let format: Format = "8e1".parse().unwrap();
    let mut encoder = Encoder::new(clock, 57_600.0, format, Disturbance::default());
    let mut changes = Vec::new();
    encoder.rest(50.0, &mut changes);
    for (at, byte) in b"\r\nOK, a line of text with errors\r\n".iter().enumerate() {
        let flaw = match at {
            5 => Some(Flaw::Parity),
            9 => Some(Flaw::Framing),
            _ => None,
        };
        encoder.send(u16::from(*byte), flaw, &mut changes);
        if at == 20 {
            encoder.hold(40.0, &mut changes);
            encoder.rest(30.0, &mut changes);
        }
    }
    encoder.rest(50.0, &mut changes);
    let line = Recorded { name: "D0", rate: 1_000_000, changes, until: encoder.tick() };
    let (runs, survey) = recover(&[line], "");
    let mut all = Vec::new();
    let mut faults = Vec::new();
    for run in &runs {
        faults.extend(run.faults.iter().map(|fault| (fault.at + all.len(), fault.kind.as_str())));
        all.extend(run.bytes.clone());
    }
    assert_eq!(String::from_utf8_lossy(&all), "\r\nOK, a line of text \0with errors\r\n");
    assert_eq!(faults, [(5, "parity"), (9, "framing"), (21, "break")]);
    assert_eq!(survey.lines[0].speed().unwrap().format, format);
}

#[test]
fn a_recording_may_start_in_mid_byte_and_have_gaps() {
    let words = "AT+CIPSTATUS\r\nSTATUS:3\r\n+CIPSTATUS:0,\"TCP\",\"192.168.4.1\",49152,80,1\r\n\r\nOK\r\n";
    let line = line_of(2_000_000, 115_200.0, Format::default(), Disturbance::default(), &text(words));
    let bit = 2_000_000.0 / 115_200.0;
    let first = line.changes[1].at;
    // Wherever the recording starts, the whole bytes are there.
    for tenth in 0..40 {
        let start = first + (f64::from(tenth) / 2.0 * bit) as u64 + 3;
        let level = line.changes.iter().take_while(|change| change.at <= start).last().unwrap().level;
        let rest = line.changes.iter().filter(|change| change.at > start);
        let rest = rest.map(|change| Change { at: change.at - start, ..*change });
        let changes = std::iter::once(Change { at: 0, level }).chain(rest).collect();
        let cut = Recorded { name: "D0", rate: line.rate, changes, until: line.until - start };
        let (runs, _) = recover(&[cut], "");
        let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
        let whole = &words.as_bytes()[1 + (tenth as usize * 5 + 1) / 100..];
        let lost = words.len() - all.len();
        assert!(all.ends_with(&whole[2..]) && lost <= 4, "from bit {}: {}", f64::from(tenth) / 2.0, all.escape_ascii());
    }
    // A gap of some bytes: those around it are there, and nothing is made up.
    let (from, to) = (first + (205.0 * bit) as u64, first + (266.0 * bit) as u64);
    let level = line.changes.iter().take_while(|change| change.at <= to).last().unwrap().level;
    let mut changes: Vec<Change> = line.changes.iter().copied().filter(|change| change.at < from).collect();
    changes.push(Change { at: from, level: Level::Unknown });
    changes.push(Change { at: to, level });
    changes.extend(line.changes.iter().filter(|change| change.at > to));
    let (runs, _) = recover(&[Recorded { changes, ..line }], "");
    let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
    let (before, after) = (&words.as_bytes()[..20], &words.as_bytes()[28..]);
    assert!(all.starts_with(before) && all.ends_with(after), "{}", all.escape_ascii());
    assert!(all.len() <= before.len() + after.len() + 1, "{}", all.escape_ascii());
}

#[test]
fn a_break_of_ages_costs_nothing() {
    let age = 1_000_000_000_000_000_000;
    let mut receiver = Receiver::new(Line::new(8.68, Format::default()));
    let mut bytes: Vec<Byte> = Vec::new();
    receiver.push(&[Change { at: 0, level: Level::High }], 1000, &mut bytes);
    receiver.push(&[Change { at: 1000, level: Level::Low }], 2000, &mut bytes);
    for part in 1..100 {
        receiver.push(&[], part * (age / 100), &mut bytes);
    }
    receiver.push(&[Change { at: age, level: Level::High }], age + 1000, &mut bytes);
    receiver.finish(age + 1000, &mut bytes);
    assert_eq!(bytes.len(), 1);
    assert_eq!((bytes[0].at, bytes[0].value, bytes[0].faults), (1000, 0, Faults::BREAK));
}

#[test]
fn the_user_knows_better() {
    let [host, module] = talk(1_000_000, 115_200.0, &TURNS);
    let lines = [host, module];
    let (runs, survey) = recover(&lines, "host=D1,module=D0");
    assert_eq!(survey.told(), ["host D1, module D0, 115200 8n1 (99 % sure)"]);
    assert_eq!(runs[0].from, Sender::Module);
    let (runs, survey) = recover(&lines, "host=D1");
    assert_eq!((runs[0].from, survey.conversations().len()), (Sender::Module, 1));
    let (_, survey) = recover(&lines, "baud=9600,format=7e2");
    assert!(survey.lines.iter().all(|line| line.speed().is_none_or(|speed| speed.baud == 9600.0)), "{survey:?}");
    let error = settings("host=D7").map(|given| {
        let channels = [Channel { name: "D0".to_owned(), clock: Clock::of_rate(1).unwrap() }];
        Recovery::new(&channels, &given).err().map(|error| error.to_string())
    });
    assert_eq!(error.unwrap().unwrap(), "no channel `D7`: this recording has `D0`");
}

/// Values of a format, and what may be done to the line without loss.
fn disturbed() -> impl Strategy<Value = (Format, Vec<u16>, f64, Disturbance)> {
    let format = (5..=9_u8, 0..5_usize, 0..3_usize, any::<bool>(), any::<bool>()).prop_map(
        |(data_bits, parity, stop_bits, msb_first, inverted)| Format {
            data_bits,
            parity: Parity::ALL[parity],
            stop_bits: StopBits::ALL[stop_bits],
            msb_first,
            inverted,
        },
    );
    let how = (4.0..200.0_f64, -0.03..0.03_f64, 0.0..1.0_f64, any::<bool>(), any::<u64>());
    (format, proptest::collection::vec(any::<u16>(), 1..40), how).prop_map(|(format, values, how)| {
        let (ticks, speed, jitter, glitches, seed) = how;
        // Both ends of the longest run are a tick off, and its bits add up; what is left may jitter.
        let run = f64::from(format.data_bits) + 2.0;
        let room = 0.48 - 1.0 / ticks;
        let speed = speed.clamp(-room / run, room / run);
        let jitter = jitter * ((room - speed.abs() * run) / 2.0).min(0.12);
        // A glitch is told from a bit only as long as it is apart from the next change.
        let (glitches, jitter) = if glitches && ticks > 20.0 { (0.2, jitter.min(0.04)) } else { (0.0, jitter) };
        let how = Disturbance { speed, jitter, glitches, glitch_width: 0.1, seed };
        (format, values, ticks, how)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_sent_is_received((format, values, ticks, how) in disturbed(), cut in 1..5000_u64) {
        let baud = 9600.0;
        let line = line_of((baud * ticks) as u64, baud, format, how, &values);
        let mask = (1 << format.data_bits) - 1;
        let sent: Vec<u16> = values.iter().map(|value| value & mask).collect();
        let known = Line::new(line.rate as f64 / baud, format);
        let mut receiver = Receiver::new(known);
        let mut bytes = Vec::new();
        let (mut at, mut next) = (0, 0);
        while at < line.until {
            at = (at + cut).min(line.until);
            let end = next + line.changes[next..].partition_point(|change| change.at < at);
            receiver.push(&line.changes[next..end], at, &mut bytes);
            next = end;
        }
        receiver.finish(line.until, &mut bytes);
        prop_assert!(bytes.iter().all(|byte| byte.faults.is_none()), "{bytes:?}");
        prop_assert_eq!(bytes.iter().map(|byte| byte.value).collect::<Vec<_>>(), sent);
    }

    #[cfg(feature = "fuzzing")]
    #[test]
    fn anything_is_read_the_same_in_any_stretches(data in proptest::collection::vec(any::<u8>(), 0..300)) {
        atscope::fuzz::uart(&data);
    }
}

const LINES: [&str; 12] = [
    "AT\r\n",
    "\r\nOK\r\n",
    "AT+CWMODE=1\r\n",
    "ready\r\n",
    "WIFI GOT IP\r\n",
    "+CSQ: 20,99\r\n",
    "\r\n ets Jan  8 2013,rst cause:1, boot mode:(3,6)\r\n",
    "load 0x40100000, len 1396, room 16 \r\n",
    "ERROR\r\n",
    "+IPD,0,20:GET / HTTP/1.1\r\nabc\r\n",
    "SEND OK\r\n",
    "busy p...\r\n",
];

/// Lines of text at a speed, with pauses of any length between them.
fn chatter(numbers: &mut Numbers, encoder: &mut Encoder, count: u64, changes: &mut Vec<Change>) -> String {
    let mut said = String::new();
    for _ in 0..count {
        let line = LINES[numbers.below(12) as usize];
        for byte in line.bytes() {
            encoder.send(byte.into(), None, changes);
        }
        said += line;
        encoder.rest([0.0, 5.0, 100.0, 1000.0][numbers.below(4) as usize], changes);
    }
    said
}

#[test]
fn short_talk_on_bad_lines() {
    let mut numbers = Numbers(11);
    for case in 0..150 {
        let baud = BAUDS[numbers.below(19) as usize];
        let ticks = [4.0, 4.34, 6.5, 8.68, 17.36, 104.0, 868.0][numbers.below(7) as usize];
        let format = ["8n1", "8n1", "7e1", "7o1", "8e1", "8o1", "8n2"][numbers.below(7) as usize];
        let format = Format { inverted: numbers.below(6) == 0, ..format.parse().unwrap() };
        let how = Disturbance {
            speed: [-0.02, 0.0, 0.02][numbers.below(3) as usize],
            jitter: if ticks > 8.0 { [0.0, 0.05, 0.1][numbers.below(3) as usize] } else { 0.0 },
            glitches: if ticks > 20.0 && numbers.below(3) == 0 { 0.05 } else { 0.0 },
            glitch_width: 0.05,
            seed: case,
        };
        let rate = (f64::from(baud) * ticks) as u64;
        let mut encoder = Encoder::new(Clock::of_rate(rate).unwrap(), baud.into(), format, how);
        let mut changes = Vec::new();
        encoder.rest([3.0, 30.0, 3000.0][numbers.below(3) as usize], &mut changes);
        let count = 1 + numbers.below(5);
        let said = chatter(&mut numbers, &mut encoder, count, &mut changes);
        encoder.rest(30.0, &mut changes);
        let (runs, survey) = recover(&[Recorded { name: "D0", rate, changes, until: encoder.tick() }], "");
        let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
        let case = format!("{case}: {baud} {format}, {ticks} ticks a bit, {how:?}: {:?}", survey.told());
        assert_eq!(String::from_utf8_lossy(&all), said, "{case}");
        assert_eq!(survey.lines[0].speed().unwrap().baud, f64::from(baud), "{case}");
    }
}

#[test]
fn any_change_of_speed_is_followed() {
    let mut numbers = Numbers(7);
    for case in 0..60 {
        let rate = [1_000_000, 2_000_000, 4_000_000, 24_000_000][numbers.below(4) as usize];
        let (mut changes, mut tick, mut said, mut last) = (Vec::<Change>::new(), 5000, String::new(), 0);
        for _ in 0..2 + numbers.below(3) {
            let mut baud = last;
            while baud == last {
                baud = [9600, 19_200, 57_600, 74_880, 115_200, 230_400][numbers.below(6) as usize];
            }
            last = baud;
            let how = Disturbance { jitter: 0.05, seed: case, ..Disturbance::default() };
            let clock = Clock::of_rate(rate).unwrap();
            let mut encoder = Encoder::new(clock, f64::from(baud), Format::default(), how);
            let mut part = Vec::new();
            encoder.rest_until(tick, &mut part);
            // A dozen bytes at least: two `AT` may be anything.
            let count = 2 + numbers.below(11);
            said += &chatter(&mut numbers, &mut encoder, count, &mut part);
            tick = encoder.tick() + rate / 50;
            changes.extend(part.into_iter().skip(usize::from(!changes.is_empty())));
        }
        let line = Recorded { name: "D0", rate, changes, until: tick };
        let (runs, survey) = recover(&[line], "module=D0");
        let all: Vec<u8> = runs.iter().flat_map(|run| run.bytes.clone()).collect();
        assert_eq!(String::from_utf8_lossy(&all), said, "{case}: {:?}", survey.told());
    }
}

/// Widths of single bytes with a spike in them, in ticks, as an analyzer at 2 MHz recorded them at 115200 baud.
#[test]
fn one_byte_with_a_spike_in_it() {
    for (ticks, byte) in [(&[6, 43, 44, 108, 125, 159][..], 0x20_u8), (&[3, 20, 54, 117, 118, 122, 139, 156][..], 0x43)]
    {
        let mut changes = vec![Change { at: 0, level: Level::High }];
        for (number, &at) in ticks.iter().enumerate() {
            changes.push(Change { at, level: if number % 2 == 0 { Level::Low } else { Level::High } });
        }
        let line = Recorded { name: "RX", rate: 2_000_000, changes, until: 172 };
        let (runs, survey) = recover(&[line], "");
        assert_eq!(said(&runs, Sender::Module), [byte]);
        let speed = survey.lines[0].speed().unwrap();
        assert_eq!((speed.baud, speed.format), (115_200.0, Format::default()));
        assert!(speed.confidence < 0.4, "{}", speed.confidence);
    }
}
