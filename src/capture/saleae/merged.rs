//! Tables of one line each, merged by time.

use super::Tables;
use crate::capture::source::Source;
use crate::capture::{CaptureError, Format, Meta, Options, Pull, Record};
use crate::{Sender, Time};

/// A table for each line, merged by time: Logic 1 exports every analyzer to a file of its own.
pub(in crate::capture) struct Merged {
    sides: Vec<Side>,
    meta: Meta,
    /// What one side failed with, told when the other one is at its end.
    failure: Option<CaptureError>,
}

struct Side {
    from: Sender,
    tables: Tables,
    /// Nanoseconds from the common zero to that of the table.
    shift: Time,
    next: Option<Record>,
    ended: bool,
}

impl Merged {
    pub(in crate::capture) fn open(host: Option<Source>, module: Option<Source>) -> Result<Self, CaptureError> {
        let mut sides = Vec::new();
        for (from, source) in [(Sender::Host, host), (Sender::Module, module)] {
            let Some(source) = source else { continue };
            let tables = Tables::open(source, &Options::default())?;
            sides.push(Side { from, tables, shift: Time::ZERO, next: None, ended: false });
        }
        let mut meta = Meta::new(Format::Saleae);
        let zero = sides.iter().filter_map(|side| side.tables.zero).min().unwrap_or_default();
        for side in &mut sides {
            let shift = side.tables.zero.map_or(0, |own| own - zero);
            side.shift = Time::from_nanos(u64::try_from(shift).unwrap_or(u64::MAX));
            meta.ordered &= side.tables.meta.ordered;
            if side.tables.zero == Some(zero) {
                meta.epoch = side.tables.meta.epoch;
            }
            if side.tables.channels.len() > 1 {
                meta.note(format!(
                    "{}: all of its analyzers are taken for the {}",
                    side.tables.source.file(),
                    side.from
                ));
            }
        }
        Ok(Self { sides, meta, failure: None })
    }
}

impl Pull for Merged {
    fn pull(&mut self, out: &mut Record) -> Result<bool, CaptureError> {
        for side in &mut self.sides {
            if side.next.is_some() || side.ended {
                continue;
            }
            let mut record = Record::new();
            match side.tables.pull(&mut record) {
                Ok(true) => {
                    (record.session, record.from) = (0, side.from);
                    record.time = record.time.map(|time| time.plus(side.shift));
                    side.next = Some(record);
                }
                Ok(false) => side.ended = true,
                Err(error) => {
                    self.failure.get_or_insert(error);
                    side.ended = true;
                }
            }
            self.meta.ordered &= side.tables.meta.ordered;
        }
        let time = |side: &Side| side.next.as_ref().map(|record| record.time);
        let first = self.sides.iter_mut().filter(|side| side.next.is_some()).min_by_key(|side| time(side));
        match first.and_then(|side| side.next.take()) {
            Some(record) => {
                *out = record;
                Ok(true)
            }
            None => self.failure.take().map_or(Ok(false), Err),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn offset(&self) -> u64 {
        self.sides.first().map_or(0, |side| side.tables.offset())
    }
}
