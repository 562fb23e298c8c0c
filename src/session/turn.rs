//! Which of the readings that the memo keeps of a line is meant now: whose turn it is.

use super::choose::{Choice, Key, rank};
use super::decoder::Decoder;
use super::event::Params;
use super::exchange::PartOf;
use super::memo::{KnownLine, Pick, Reading};
use super::state::Scope;
use crate::catalog::{Catalog, Role};

impl Decoder {
    /// Whether the mode that a reading asks for may be on.
    #[inline(always)]
    pub(super) fn is_on(&self, catalog: &Catalog, reading: &Reading, bytes: &[u8]) -> bool {
        !reading.conditional || reading.when.is(self.state.version()) || self.turns_on(catalog, reading, bytes)
    }

    fn turns_on(&self, catalog: &Catalog, reading: &Reading, bytes: &[u8]) -> bool {
        let params = Params { bytes, slots: &reading.slots, catalog };
        let when = catalog.lines.get(reading.line as usize).and_then(|line| line.when.as_ref());
        let off = when.is_some_and(|when| Scope { state: &self.state, params }.holds(&when.expr) == Some(false));
        if !off {
            reading.when.set(self.state.version());
        }
        !off
    }

    /// Whose a reading is now: see [`rank`](Decoder::rank).
    #[inline(always)]
    pub(super) fn turn_of(&self, catalog: &Catalog, reading: &Reading, bytes: &[u8]) -> Option<Choice> {
        let nobody = (rank::NOBODY, None, None);
        let (rank, exchange, open) = match (reading.role, self.open.first()) {
            (Role::Urc, _) => (rank::UNASKED, None, None),
            (Role::Progress, None) if reading.plain => (rank::UNASKED, None, None),
            (Role::Reply, None) => nobody,
            (Role::Reply, Some(open)) if self.open.len() == 1 && open.plain && !reading.of_link => {
                let own = open.parts.first().and_then(|part| Some((part.command?, part.form)));
                match (own, reading.owner) {
                    (Some(own), Some(owner)) if own == owner => (rank::OWNER_OPEN, Some(open.id), Some(0)),
                    (Some(own), Some(owner)) if own.0 == owner.0 => (rank::COMMAND_OPEN, Some(open.id), Some(0)),
                    (_, Some(_)) => nobody,
                    _ => return None,
                }
            }
            _ => {
                let params = Params { bytes, slots: &reading.slots, catalog };
                self.rank(catalog, catalog.lines.get(reading.line as usize)?, params)
            }
        };
        Some(Choice { line: reading.line, misfit: 0, rank, exchange, open })
    }

    /// One of several readings: as before where the same command waits.
    #[inline(always)]
    pub(super) fn pick<'k>(
        &self,
        catalog: &Catalog,
        known: &'k KnownLine,
        bytes: &[u8],
    ) -> Option<(&'k Reading, Choice)> {
        let waits = match self.open.as_slice() {
            [] => Some((0, None)),
            [open] if open.plain => match open.parts.as_slice() {
                [PartOf { command: Some(command), form }] => {
                    Some((1 + (u64::from(*command) << 3 | form.index() as u64), Some(open.id)))
                }
                _ => None,
            },
            _ => None,
        };
        let who = waits.map_or(u64::MAX, |(who, _)| who << 1 | u64::from(self.host_seen));
        if let Some((at, rank, owned)) = known.turn.of(who) {
            let reading = known.readings.get(at)?;
            let exchange = waits.and_then(|(_, id)| id).filter(|_| owned);
            return Some((reading, Choice { line: reading.line, misfit: 0, rank, exchange, open: owned.then_some(0) }));
        }
        self.pick_anew(catalog, known, who, bytes)
    }

    #[inline(never)]
    fn pick_anew<'k>(
        &self,
        catalog: &Catalog,
        known: &'k KnownLine,
        who: u64,
        bytes: &[u8],
    ) -> Option<(&'k Reading, Choice)> {
        let (at, choice) = match known.pick {
            Pick::Best => self.best_of(catalog, &known.readings, bytes)?,
            _ => self.whose_turn(catalog, &known.readings, bytes)?,
        };
        let owner = self.open.first().and_then(|open| open.parts.first()).map(|part| (part.command, part.form));
        // More than the command decides where a link is closed by its number, whose progress it is, and which modes are on.
        let fixed = known.readings.iter().all(|reading| {
            let fixed = match reading.role {
                Role::Urc => true,
                Role::Reply => !reading.of_link || owner != reading.owner.map(|(command, form)| (Some(command), form)),
                _ => false,
            };
            fixed && (!reading.conditional || choice.may_be_best())
        });
        if fixed {
            known.turn.set(who, at, choice.rank, choice.open.is_some());
        }
        Some((known.readings.get(at)?, choice))
    }

    /// See [`one_of`](Decoder::one_of): the first one whose turn it is most, if nothing can be better; or the best one of those that fit.
    fn whose_turn(&self, catalog: &Catalog, readings: &[Reading], bytes: &[u8]) -> Option<(usize, Choice)> {
        let mut turn: Option<(usize, &Reading, Choice)> = None;
        for (at, reading) in readings.iter().enumerate() {
            let choice = self.turn_of(catalog, reading, bytes)?;
            if turn.is_none_or(|(_, _, turn)| choice.rank > turn.rank) {
                turn = Some((at, reading, choice));
            }
        }
        let (at, reading, choice) = turn?;
        if reading.perfect && choice.may_be_best() {
            Some((at, choice))
        } else {
            self.fitting(catalog, readings, bytes)
        }
    }

    fn fitting(&self, catalog: &Catalog, readings: &[Reading], bytes: &[u8]) -> Option<(usize, Choice)> {
        let mut best: Option<(Key, usize, Choice)> = None;
        let mut doubtful: Option<Key> = None;
        for (at, reading) in readings.iter().enumerate() {
            let choice = self.turn_of(catalog, reading, bytes)?;
            if reading.perfect && self.is_on(catalog, reading, bytes) {
                let key = choice.key(catalog, self.host_seen);
                if best.is_none_or(|(most, ..)| key > most) {
                    best = Some((key, at, choice));
                }
            } else if reading.perfect || reading.unfit {
                doubtful = doubtful.max(Some(Choice { misfit: 1, ..choice }.key(catalog, self.host_seen)));
            } else {
                return None;
            }
        }
        let (key, at, choice) = best?;
        doubtful.is_none_or(|most| key > most).then_some((at, choice))
    }

    /// See [`link_of`](Decoder::link_of): all fit.
    fn best_of(&self, catalog: &Catalog, readings: &[Reading], bytes: &[u8]) -> Option<(usize, Choice)> {
        let mut best: Option<(usize, Choice)> = None;
        for (at, reading) in readings.iter().enumerate() {
            let choice = self.turn_of(catalog, reading, bytes)?;
            if best.is_none_or(|best| choice.key(catalog, self.host_seen) > best.1.key(catalog, self.host_seen)) {
                best = Some((at, choice));
            }
        }
        best
    }
}
