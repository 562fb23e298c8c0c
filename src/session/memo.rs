//! What lines that came before turned out to be, so that the same line need not be looked up, fitted and typed again.
//!
//! A bounded number of places, found by a hash of the line's bytes; an entry is the line's whenever the bytes are the same, all
//! of them: two lines that share a place only take it from each other. An entry holds what follows from the bytes and the
//! catalog alone (which entries of the catalog they may be, where their parameters stand and what they read as, what they
//! would change). What hangs on the moment (whose answer it is, whether a mode is on) is decided anew each time, in
//! [`recall`](super::recall). The first lines are learnt (`learn`) at once, further ones when they come again.
//!
//! Trap: nothing that state, open exchanges, profile or model decide may be kept here; a law of the tests decodes everything
//! with the memo barred, fresh and warm, and compares.

use std::sync::atomic::{AtomicU64, Ordering};

use super::event::{Form, Slot};
use super::state::Change;
use crate::catalog::Role;
use crate::syntax::framing::short_word;

/// Places for lines at first, and at most: there are more of them as more lines are kept.
const PLACES: (usize, usize) = (512, 8192);

/// Places for what came once; a power of two.
const SEEN: usize = 4096;

/// So many are kept at first sight. Behind them a line that comes once may come never again.
const AT_ONCE: usize = 1024;

/// Longest line that is kept, without its line end.
pub(super) const TEXT_MAX: usize = 64;

/// Verdicts on results that are kept.
const VERDICTS: usize = 256;

/// What a text is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A line of the module, with this many bytes of blank line ahead.
    Line(u8),
    /// The head of counted data, up to its colon; blanks ahead as above.
    Head(u8),
    /// A command line.
    Command,
}

impl Class {
    #[inline(always)]
    const fn seed(self) -> u64 {
        match self {
            Self::Line(lead) => 0x10 + lead as u64,
            Self::Head(lead) => 0x20 + lead as u64,
            Self::Command => 0x30,
        }
    }
}

/// A text up to its stop: its length, its hash, and its end, as a word with zeros behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) len: usize,
    hash: u64,
    end: u64,
}

/// Words of the longest text but for its end.
const WORDS: usize = TEXT_MAX / 8;

impl Key {
    /// Scans a text up to the first `stop`; `None` where there is none near, or nothing ahead of it.
    #[inline(always)]
    pub(super) fn scan(text: &[u8], stop: u8, class: Class) -> Option<Self> {
        const ONES: u64 = u64::MAX / 255;
        let stops = ONES * stop as u64;
        let mut hash = class.seed();
        let mut rest = text;
        for at in 0..=WORDS {
            let (word, tail) = match rest.split_first_chunk::<8>() {
                Some((word, tail)) => (u64::from_le_bytes(*word), tail),
                None => (short_word(rest), &[][..]),
            };
            let marked = word ^ stops;
            // The lowest bit that is set marks the first stop.
            let found = marked.wrapping_sub(ONES) & !marked & (ONES << 7);
            if found != 0 {
                // All bits below the stop's byte.
                let end = word & ((found & found.wrapping_neg()) >> 7).wrapping_sub(1);
                let len = 8 * at + (found.trailing_zeros() / 8) as usize;
                let hash = mix(hash, end ^ ((len as u64) << 56));
                return if len == 0 { None } else { Some(Self { len, hash, end }) };
            }
            hash = mix(hash, word);
            rest = tail;
            if rest.is_empty() {
                return None;
            }
        }
        None
    }
}

#[inline(always)]
const fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// A text that came before.
#[derive(Debug)]
pub(super) struct Entry {
    class: Class,
    key: Key,
    /// The text but for its end.
    text: [[u8; 8]; WORDS],
    known: Known,
}

/// What it was.
#[derive(Debug)]
pub(super) enum Known {
    Line(KnownLine),
    Head(KnownHead),
    Command(Box<KnownCommand>),
    /// Nothing that the memo can tell.
    Other,
}

/// A line of the module.
#[derive(Debug)]
pub(super) struct KnownLine {
    pub(super) pick: Pick,
    /// The entries of the catalog that it may be.
    pub(super) readings: Box<[Reading]>,
    /// Whatever the moment, it may follow counted data.
    pub(super) follows_data: bool,
    pub(super) turn: Turn,
}

/// How one of several readings is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pick {
    /// There is one.
    Only,
    /// The first of those whose turn it is most, if it is wholly as documented.
    Turn,
    /// The best one: all fit.
    Best,
}

/// Which of several readings it was the last time, and for whom.
///
/// Atomic as a [`Moment`] is.
#[derive(Debug, Default)]
pub(super) struct Turn(AtomicU64);

impl Turn {
    /// The reading's place, its rank, and whether it answers the open command, where `who` waits as before. A number of 32 bits, form and
    /// flag beside it.
    #[inline(always)]
    pub(super) fn of(&self, who: u64) -> Option<(usize, u8, bool)> {
        let kept = self.0.load(Ordering::Relaxed);
        // 0: nothing is kept.
        let same = kept != 0 && kept >> 16 == who;
        same.then_some(((kept >> 8 & 0xFF) as usize, (kept >> 1 & 0x7F) as u8, kept & 1 != 0))
    }

    pub(super) fn set(&self, who: u64, at: usize, rank: u8, owned: bool) {
        if let (Ok(at), true) = (u8::try_from(at), who < 1 << 48) {
            self.0.store(who << 16 | u64::from(at) << 8 | u64::from(rank) << 1 | u64::from(owned), Ordering::Relaxed);
        }
    }
}

/// The head of counted data: `+IPD,0,5:`.
#[derive(Debug)]
pub(super) struct KnownHead {
    pub(super) reading: Reading,
    /// The announced size.
    pub(super) count: u64,
}

/// An entry of the catalog that a text may be.
#[derive(Debug)]
pub(super) struct Reading {
    /// Its position in the catalog.
    pub(super) line: u32,
    pub(super) role: Role,
    pub(super) owner: Option<(u32, Form)>,
    /// A link number stands ahead of it.
    pub(super) of_link: bool,
    /// It asks for a mode (the line's `when`).
    pub(super) when: Moment,
    pub(super) conditional: bool,
    /// Wholly as documented, and no firmware's own: nothing fits better.
    pub(super) perfect: bool,
    /// Not as documented, whatever the moment.
    pub(super) unfit: bool,
    /// Nothing follows from it but its changes and what its role says.
    pub(super) plain: bool,
    /// The form that it answers may answer behind its result, too.
    pub(super) late: bool,
    pub(super) slots: Box<[Slot]>,
    pub(super) changes: Box<[Change]>,
    /// The version of the state under which these change nothing.
    pub(super) applied: Moment,
    pub(super) told: Told,
}

/// A command line of one command.
#[derive(Debug)]
pub(super) struct KnownCommand {
    pub(super) command: u32,
    pub(super) form: Form,
    /// The name as the catalog spells it: its alias of that number, or the name itself.
    pub(super) alias: Option<usize>,
    /// The alternative that fits, and the condition under which it is the one.
    pub(super) choice: Option<(usize, usize)>,
    pub(super) when: Moment,
    pub(super) given: usize,
    pub(super) args: std::ops::Range<usize>,
    pub(super) slots: Box<[Slot]>,
    /// What success makes of the state.
    pub(super) changes: Box<[Change]>,
    /// Size of the data that the host will send, and whether it will send any.
    pub(super) declared: Option<u64>,
    pub(super) sends: bool,
    /// See [`Exchange::plain`](super::exchange::Exchange::plain).
    pub(super) plain: bool,
    pub(super) first: Option<(u32, i64)>,
    pub(super) told: Told,
}

/// For which version of the state something is known to hold.
///
/// Atomic only so that a session may be shared between threads; one at a time writes.
#[derive(Debug, Default)]
pub(crate) struct Moment(AtomicU64);

impl Moment {
    #[inline(always)]
    pub(crate) fn is(&self, version: u64) -> bool {
        self.0.load(Ordering::Relaxed) == version
    }

    pub(crate) fn set(&self, version: u64) {
        self.0.store(version, Ordering::Relaxed);
    }
}

/// What others keep of a text: by a number that no other text of this process has.
#[derive(Debug)]
pub(crate) struct Told {
    /// Never 0.
    pub(crate) id: u64,
    /// The version of the state under which no rule had anything to say.
    pub(crate) sound: Moment,
}

impl Default for Told {
    fn default() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), sound: Moment::default() }
    }
}

/// What a result means for an exchange at its stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Verdict {
    /// That takes a closer look.
    #[default]
    Unclear,
    /// The command is accepted; a prompt follows.
    Accepted,
    /// It ends with success.
    Done,
    /// It fails.
    Failed,
    /// There is more to come.
    Stays,
}

/// Lines that came before, and what results meant.
#[derive(Debug)]
pub(super) struct Memo {
    pub(super) texts: Texts,
    pub(super) verdicts: Verdicts,
    /// How many events came out of it; for tests.
    pub(super) hits: u64,
}

impl Memo {
    /// `eager`: learns at first sight, for tests.
    pub(super) fn new(eager: bool) -> Self {
        Self {
            texts: Texts::new(PLACES.0, eager),
            verdicts: Verdicts(vec![(u64::MAX, Verdict::Unclear); VERDICTS]),
            hits: 0,
        }
    }
}

/// Lines that came before.
#[derive(Debug)]
pub(super) struct Texts {
    entries: Vec<Option<Box<Entry>>>,
    /// By another part of the hash than its place: that of the text that came last without being kept.
    seen: Vec<u32>,
    /// How many bits of a hash do not count for its place.
    shift: u32,
    kept: usize,
    eager: bool,
}

impl Texts {
    /// For so many texts, a power of two.
    fn new(places: usize, eager: bool) -> Self {
        let mut entries = Vec::new();
        entries.resize_with(places, || None);
        Self { entries, seen: vec![0; SEEN], shift: 64 - places.trailing_zeros(), kept: 0, eager }
    }

    #[inline(always)]
    fn place(&self, key: Key) -> usize {
        (key.hash >> self.shift) as usize
    }

    /// What the text was the last time; `text` starts with it.
    #[inline(always)]
    pub(super) fn find(&self, key: Key, class: Class, text: &[u8]) -> Option<&Known> {
        let place = self.place(key);
        let entry = self.entries.get(place)?.as_deref()?;
        let entry = if entry.key == key {
            entry
        } else {
            self.entries.get(place ^ 1)?.as_deref().filter(|entry| entry.key == key)?
        };
        if entry.class != class {
            return None;
        }
        let words = text.as_chunks::<8>().0.iter().take(key.len / 8);
        for (own, word) in entry.text.iter().zip(words) {
            if own != word {
                return None;
            }
        }
        Some(&entry.known)
    }

    /// A text came: whether it is to be kept.
    pub(super) fn wants(&mut self, key: Key, class: Class, text: &[u8]) -> bool {
        if self.find(key, class, text).is_some() {
            return false;
        }
        if self.eager || self.kept < AT_ONCE {
            return true;
        }
        let tag = (key.hash >> 16) as u32;
        let seen = self.seen.get_mut(key.hash as usize % SEEN);
        seen.is_some_and(|seen| std::mem::replace(seen, tag) == tag)
    }

    pub(super) fn keep(&mut self, key: Key, class: Class, text: &[u8], known: Known) {
        let mut own = [[0; 8]; WORDS];
        for (own, word) in own.iter_mut().zip(text.as_chunks::<8>().0.iter().take(key.len / 8)) {
            *own = *word;
        }
        if 4 * self.kept >= self.entries.len() && self.entries.len() < PLACES.1 {
            let places = (4 * self.entries.len()).min(PLACES.1);
            let old = std::mem::replace(self, Self::new(places, self.eager));
            old.entries.into_iter().flatten().for_each(|entry| self.put(entry));
        }
        self.put(Box::new(Entry { class, key, text: own, known }));
    }

    /// Each text has two places; of two that are taken the first is taken away.
    fn put(&mut self, entry: Box<Entry>) {
        let place = self.place(entry.key);
        let free = |at: usize| self.entries.get(at).is_some_and(Option::is_none);
        let at = if !free(place) && free(place ^ 1) { place ^ 1 } else { place };
        if let Some(place) = self.entries.get_mut(at) {
            self.kept += usize::from(place.is_none());
            *place = Some(entry);
        }
    }
}

/// What results meant, by command, form, stage and result; found by a hash of these.
#[derive(Debug)]
pub(super) struct Verdicts(Vec<(u64, Verdict)>);

impl Verdicts {
    #[inline(always)]
    pub(super) fn of(&mut self, what: u64, judge: impl FnOnce() -> Verdict) -> Verdict {
        let at = (what.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - VERDICTS.trailing_zeros())) as usize;
        let Some(slot) = self.0.get_mut(at) else { return Verdict::Unclear };
        if slot.0 != what {
            *slot = (what, judge());
        }
        slot.1
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_end_at_the_stop() {
        let scan = |line: &[u8], lead| Key::scan(line, b'\r', Class::Line(lead));
        let text: Vec<u8> = (0..80).map(|at| b'a' + at % 26).collect();
        for len in 1..=TEXT_MAX {
            let mut line = text[..len].to_vec();
            assert_eq!(scan(&line, 0), None);
            line.extend_from_slice(b"\r\n");
            let key = scan(&line, 0);
            let end = key.unwrap().end.to_le_bytes();
            assert_eq!(key.unwrap().len, len);
            assert!(end.starts_with(&text[len / 8 * 8..len]) && end[len % 8..].iter().all(|&byte| byte == 0));
            line.extend_from_slice(b"more\r\n");
            assert_eq!(scan(&line, 0), key);
            assert_ne!(scan(&line, 2), key);
            line[len / 2] ^= 1;
            assert_ne!(scan(&line, 0), key);
        }
        assert_eq!(scan(b"\r\n", 0), None);
        assert_eq!(scan(&[&text[..TEXT_MAX + 8], b"\r\n"].concat(), 0), None);
    }
}
