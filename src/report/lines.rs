//! What was found on the lines of a recording of logic levels: a table for people, a JSON line a line for programs.

use super::pen::{Ink, Pen};
use super::{Style, json, units};
use crate::Sender;
use crate::escape::escape;
use crate::uart::{Found, Survey, shown_baud};

/// Bytes of a line that the table shows.
const SHOWN: usize = 24;

/// Titles of the columns, and whether they are set to the right.
const COLUMNS: [(&str, bool); 10] = [
    ("line", false),
    ("role", false),
    ("changes", true),
    ("busy", true),
    ("speed", true),
    ("format", false),
    ("sure", true),
    ("bytes", true),
    ("errors", true),
    ("first bytes", false),
];

/// Appends the table.
pub fn text(survey: &Survey, out: &mut Vec<u8>, style: Style) {
    let several = survey.lines.iter().any(|line| line.session > Some(0));
    let rows: Vec<[String; COLUMNS.len()]> = survey.lines.iter().map(|line| row(line, several)).collect();
    let mut pen = Pen::new(out, style);
    // Where each column begins and ends.
    let mut start = 0;
    let places: Vec<(usize, usize)> = COLUMNS
        .iter()
        .enumerate()
        .map(|(at, (title, _))| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| units::width(cell.as_bytes()));
            let width = cells.max().unwrap_or(0).max(title.len());
            let place = (start, start + width);
            start += width + 2;
            place
        })
        .collect();
    let mut put = |ink: Ink, cells: &mut dyn Iterator<Item = &str>| {
        for ((cell, (_, right)), &(start, end)) in cells.zip(COLUMNS).zip(&places) {
            if cell.is_empty() {
                continue;
            }
            if right {
                pen.right(ink, end, cell.as_bytes());
            } else {
                pen.to(start);
                pen.put(ink, cell);
            }
        }
        pen.end();
    };
    put(Ink::Dim, &mut COLUMNS.iter().map(|(title, _)| *title));
    for row in &rows {
        put(Ink::Plain, &mut row.iter().map(String::as_str));
    }
}

fn row(line: &Found, several: bool) -> [String; COLUMNS.len()] {
    let mut speeds: Vec<String> = Vec::new();
    let mut formats: Vec<String> = Vec::new();
    for turn in &line.turns {
        speeds.push(shown_baud(turn.baud));
        let format = turn.format.to_string();
        if formats.last() != Some(&format) {
            formats.push(format);
        }
    }
    let faults = line.framing + line.parity + line.breaks;
    let first = line.first.get(..SHOWN).unwrap_or(&line.first);
    let more = if usize::try_from(line.bytes).is_ok_and(|bytes| bytes > first.len()) { "…" } else { "" };
    let role = match (line.session, several) {
        (Some(session), true) => format!("{session} {}", role(line)),
        _ => role(line).to_owned(),
    };
    let is_uart = !line.turns.is_empty();
    [
        line.channel.clone(),
        role,
        line.edges.to_string(),
        format!("{:.1} %", line.busy * 100.0),
        match (is_uart, line.edges) {
            (true, _) => speeds.join(", "),
            (false, 0) => "idle".to_owned(),
            (false, _) => "no UART".to_owned(),
        },
        formats.join(", "),
        line.speed().map(|turn| format!("{:.0} %", turn.confidence * 100.0)).unwrap_or_default(),
        if is_uart { line.bytes.to_string() } else { String::new() },
        if faults > 0 { faults.to_string() } else { String::new() },
        format!("{}{more}", escape(first)),
    ]
}

/// `host`, `module`, `both`; empty without a conversation.
fn role(line: &Found) -> &'static str {
    match (line.session, line.sender) {
        (None, _) => "",
        (_, Some(Sender::Host)) => "host",
        (_, Some(Sender::Module)) => "module",
        (_, None) => "both",
    }
}

/// Appends a JSON object a line; `file` is the recording's name.
///
/// Members: `type` (`line`), `file`, `line`, `session` (`null` without a conversation), `role` (`host`, `module`, `both` or `null`),
/// `changes`, `busy` (share of the time, 0 to 1), `speeds` (each `since` seconds, `baud`, `measured`, `format`, `confidence` 0 to 1),
/// `bytes`, `framing`, `parity`, `breaks`, `first` (escaped as in transcripts).
pub fn json(survey: &Survey, file: &str, out: &mut Vec<u8>) {
    for line in &survey.lines {
        out.extend_from_slice(b"{\"type\":\"line\",\"file\":");
        json::text(out, file);
        out.extend_from_slice(b",\"line\":");
        json::text(out, &line.channel);
        out.extend_from_slice(b",\"session\":");
        json::optional(out, line.session.map(u64::from));
        out.extend_from_slice(b",\"role\":");
        match role(line) {
            "" => out.extend_from_slice(b"null"),
            role => json::text(out, role),
        }
        out.extend_from_slice(b",\"changes\":");
        json::unsigned(out, line.edges);
        out.extend_from_slice(b",\"busy\":");
        json::float(out, line.busy);
        out.extend_from_slice(b",\"speeds\":[");
        for (at, turn) in line.turns.iter().enumerate() {
            out.extend_from_slice(if at > 0 { b",{\"since\":" } else { b"{\"since\":" });
            json::time(out, Some(turn.since));
            for (name, figure) in [("baud", turn.baud), ("measured", turn.measured), ("confidence", turn.confidence)] {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":");
                json::float(out, figure);
            }
            out.extend_from_slice(b",\"format\":");
            json::text(out, &turn.format.to_string());
            out.push(b'}');
        }
        out.push(b']');
        let counts =
            [("bytes", line.bytes), ("framing", line.framing), ("parity", line.parity), ("breaks", line.breaks)];
        for (name, count) in counts {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            json::unsigned(out, count);
        }
        out.extend_from_slice(b",\"first\":");
        json::wire(out, &line.first);
        out.extend_from_slice(b"}\n");
    }
}
