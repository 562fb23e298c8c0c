//! What each command came to: how often, with which results, how fast.
//!
//! Bounded: so many commands, results and latencies, whatever the traffic names. Beyond that a command counts among
//! the others, and a median is told from buckets within a thirtieth of its value.

use std::collections::HashMap;

use super::pen::{Ink, Pen, Style};
use super::{duration, json, units};
use crate::session::{Event, EventKind, Form};

/// Commands that are told apart.
const MOST_COMMANDS: usize = 512;

/// Results of a command that are told apart.
const MOST_RESULTS: usize = 16;

/// Exchanges whose command is remembered.
const MOST_OPEN: usize = 1024;

/// Latencies of a command that are kept exactly.
const MOST_EXACT: usize = 1024;

/// What came to pass with one command in one form.
#[derive(Clone, Debug, Default)]
struct Row {
    name: String,
    form: Option<Form>,
    count: u64,
    results: Vec<(String, u64)>,
    latencies: Latencies,
}

/// Counts events by command.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    rows: Vec<Row>,
    /// Rows of a name, by form.
    by_name: HashMap<String, [Option<usize>; 4]>,
    /// By the exchange's number: number and row.
    open: Vec<(u64, usize)>,
}

/// The name of the row for what is one too many.
const OTHERS: &str = "(others)";

impl Stats {
    /// Counts an event.
    pub fn event(&mut self, event: &Event<'_>) {
        match &event.kind {
            EventKind::Command { name, form, .. } => {
                let at = self.row(&name.to_text(), *form);
                if let Some(row) = self.rows.get_mut(at) {
                    row.count += 1;
                }
                if let Some(exchange) = event.exchange {
                    let slot = (exchange % MOST_OPEN as u64) as usize;
                    if slot >= self.open.len() {
                        self.open.resize(slot + 1, (u64::MAX, 0));
                    }
                    if let Some(open) = self.open.get_mut(slot) {
                        *open = (exchange, at);
                    }
                }
            }
            EventKind::Final { result, latency, .. } => {
                let Some(row) = event.exchange.and_then(|exchange| self.of(exchange)) else {
                    return;
                };
                let result = result.to_text();
                row.count_result(&result);
                if let Some(latency) = latency {
                    row.latencies.push(latency.as_nanos());
                }
            }
            _ => {}
        }
    }

    fn row(&mut self, name: &str, form: Form) -> usize {
        if let Some(at) = self.by_name.get(name).and_then(|forms| *forms.get(form.index())?) {
            return at;
        }
        let at = self.rows.len();
        if at < MOST_COMMANDS {
            self.rows.push(Row { name: name.to_owned(), form: Some(form), ..Row::default() });
            if let Some(slot) = self.by_name.entry(name.to_owned()).or_default().get_mut(form.index()) {
                *slot = Some(at);
            }
            return at;
        }
        if at == MOST_COMMANDS {
            self.rows.push(Row { name: OTHERS.to_owned(), ..Row::default() });
        }
        MOST_COMMANDS
    }

    fn of(&mut self, exchange: u64) -> Option<&mut Row> {
        let &(number, at) = self.open.get((exchange % MOST_OPEN as u64) as usize)?;
        if number == exchange { self.rows.get_mut(at) } else { None }
    }

    /// Appends the table.
    pub fn text(&self, out: &mut Vec<u8>, style: Style) {
        let name_width =
            self.rows.iter().map(|row| units::width(row.shown().as_bytes())).max().unwrap_or(0).clamp(7, 40);
        let columns = [name_width, name_width + 9, name_width + 21, name_width + 33, name_width + 45];
        let mut pen = Pen::new(out, style);
        pen.put(Ink::Dim, "command");
        for (column, title) in columns.into_iter().skip(1).zip(["count", "min", "median", "max"]) {
            pen.right(Ink::Dim, column, title.as_bytes());
        }
        pen.blanks(2);
        pen.put(Ink::Dim, "results");
        pen.end();
        for row in &self.rows {
            pen.indent = 4;
            pen.wire(Ink::Bold, row.shown().as_bytes());
            if pen.column > name_width {
                pen.wrap();
            }
            let [_, count, min, median, max] = columns;
            pen.right(Ink::Plain, count, row.count.to_string().as_bytes());
            if let Some(latency) = row.latencies.figures() {
                for (column, figure) in [(min, latency.min), (median, latency.median), (max, latency.max)] {
                    let mut text = Vec::new();
                    duration::spaced(&mut text, figure);
                    pen.right(Ink::Plain, column, &text);
                }
            }
            pen.to(max);
            pen.blanks(2);
            pen.indent = pen.column;
            for (at, (name, count)) in row.results.iter().enumerate() {
                if at > 0 {
                    pen.put(Ink::Plain, ",");
                    if !pen.wrap_for(name.len() + 8) {
                        pen.blanks(1);
                    }
                }
                pen.wire(Ink::Plain, name.as_bytes());
                pen.print(Ink::Dim, format_args!(" {count}"));
            }
            pen.end();
        }
    }

    /// Appends the member `commands` of a summary.
    pub(super) fn json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"commands\":[");
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"name\":");
            json::wire(out, row.name.as_bytes());
            out.extend_from_slice(b",\"form\":");
            match row.form {
                Some(form) => json::text(out, form.as_str()),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b",\"count\":");
            json::unsigned(out, row.count);
            out.extend_from_slice(b",\"results\":");
            json::object(out, row.results.iter().map(|(name, count)| (name.as_str(), *count)));
            out.extend_from_slice(b",\"latency\":");
            match row.latencies.figures() {
                Some(latency) => {
                    for (lead, figure) in
                        [("{\"min\":", latency.min), (",\"median\":", latency.median), (",\"max\":", latency.max)]
                    {
                        out.extend_from_slice(lead.as_bytes());
                        json::time(out, Some(crate::Time::from_nanos(figure)));
                    }
                    out.push(b'}');
                }
                None => out.extend_from_slice(b"null"),
            }
            out.push(b'}');
        }
        out.push(b']');
    }
}

impl Row {
    fn count_result(&mut self, result: &str) {
        let full = self.results.len() >= MOST_RESULTS;
        if let Some((_, count)) = self.results.iter_mut().find(|(name, _)| name == result) {
            *count += 1;
        } else if !full {
            self.results.push((result.to_owned(), 1));
        } else if let Some((name, count)) = self.results.last_mut() {
            OTHERS.clone_into(name);
            *count += 1;
        }
    }

    /// `AT+CWMODE=?`
    fn shown(&self) -> String {
        match self.form {
            Some(Form::Execute) => format!("AT{}", self.name),
            Some(Form::Set) => format!("AT{}=", self.name),
            Some(Form::Read) => format!("AT{}?", self.name),
            Some(Form::Test) => format!("AT{}=?", self.name),
            None => self.name.clone(),
        }
    }
}

/// Latencies of one command in nanoseconds.
#[derive(Clone, Debug, Default)]
struct Latencies {
    exact: Vec<u64>,
    /// Counts by bucket, once there are too many to keep.
    buckets: Vec<u32>,
    count: u64,
    min: u64,
    max: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Figures {
    min: u64,
    median: u64,
    max: u64,
}

/// Buckets to a doubling, as a power of two: a bucket is at most a 32nd as wide as its values.
const FINE: u32 = 5;

impl Latencies {
    fn push(&mut self, nanos: u64) {
        (self.min, self.max) =
            if self.count == 0 { (nanos, nanos) } else { (self.min.min(nanos), self.max.max(nanos)) };
        self.count += 1;
        if self.buckets.is_empty() && self.exact.len() < MOST_EXACT {
            self.exact.push(nanos);
            return;
        }
        for nanos in std::mem::take(&mut self.exact).into_iter().chain([nanos]) {
            let at = Self::bucket(nanos);
            if at >= self.buckets.len() {
                self.buckets.resize(at + 1, 0);
            }
            if let Some(count) = self.buckets.get_mut(at) {
                *count = count.saturating_add(1);
            }
        }
    }

    fn bucket(nanos: u64) -> usize {
        let top = nanos.checked_ilog2().unwrap_or(0);
        match top.checked_sub(FINE) {
            None => nanos as usize,
            Some(shift) => ((shift as usize + 1) << FINE) + ((nanos >> shift) as usize - (1 << FINE)),
        }
    }

    /// The middle of a bucket.
    fn value(bucket: usize) -> u64 {
        match (bucket >> FINE).checked_sub(1) {
            None => bucket as u64,
            Some(shift) => {
                let low = ((1 << FINE) + (bucket & ((1 << FINE) - 1)) as u64) << shift;
                low + (1_u64 << shift) / 2
            }
        }
    }

    fn figures(&self) -> Option<Figures> {
        let (min, max) = (self.min, self.max);
        if self.count == 0 {
            return None;
        }
        if self.buckets.is_empty() {
            let mut sorted = self.exact.clone();
            sorted.sort_unstable();
            // With an even count the lower one of the two in the middle: a latency that there was.
            let median = *sorted.get((sorted.len() - 1) / 2)?;
            return Some(Figures { min, median, max });
        }
        let mut left = self.count.div_ceil(2);
        for (at, &count) in self.buckets.iter().enumerate() {
            left = left.saturating_sub(u64::from(count));
            if left == 0 {
                return Some(Figures { min, median: Self::value(at).clamp(min, max), max });
            }
        }
        Some(Figures { min, median: max, max })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn figures(values: impl IntoIterator<Item = u64>) -> Figures {
        let mut latencies = Latencies::default();
        values.into_iter().for_each(|value| latencies.push(value));
        latencies.figures().unwrap()
    }

    #[test]
    fn few_latencies_are_exact() {
        assert_eq!(figures([7]), Figures { min: 7, median: 7, max: 7 });
        assert_eq!(figures([9, 1, 5]), Figures { min: 1, median: 5, max: 9 });
        assert_eq!(figures([9, 1, 5, 3]), Figures { min: 1, median: 3, max: 9 });
        assert_eq!(Latencies::default().figures(), None);
    }

    #[test]
    fn the_median_of_many_is_close() {
        let many = figures((1..=99_999).map(|n| n * 1_000));
        assert_eq!((many.min, many.max), (1_000, 99_999_000));
        assert!(many.median.abs_diff(50_000_000) < 50_000_000 / 30, "{many:?}");
    }

    #[test]
    fn buckets_are_in_order_and_narrow() {
        let mut last = 0;
        for nanos in (0..10_000).chain((14..64).map(|shift| 1 << shift)).chain([u64::MAX]) {
            let bucket = Latencies::bucket(nanos);
            assert!(bucket >= last);
            last = bucket;
            assert!(Latencies::value(bucket).abs_diff(nanos) <= nanos / 30, "{nanos}");
        }
    }
}
