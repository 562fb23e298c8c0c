//! Names to positions in constant time, without regard to the case of letters.
//!
//! A table of lists keyed by a name's hash; the hash can be worked out byte by byte while a line is scanned.

/// The running hash of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameHash(u32);

impl NameHash {
    pub(crate) const START: Self = Self(0x811C_9DC5);

    #[inline(always)]
    pub(crate) const fn push(self, byte: u8) -> Self {
        // Letters differ from their other case in this bit alone; folding it in other bytes only makes some share a hash.
        Self((self.0 ^ (byte | 0x20) as u32).wrapping_mul(0x0100_0193))
    }

    pub(crate) fn of(name: &[u8]) -> Self {
        name.iter().fold(Self::START, |hash, &byte| hash.push(byte))
    }
}

/// Whether two names are the same bytes. Names are short: a few loads in place beat a call.
#[inline]
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match (a.first_chunk::<8>(), b.first_chunk::<8>(), a.last_chunk::<8>(), b.last_chunk::<8>()) {
        // Two loads of eight cover up to sixteen bytes; the middle of a longer name is looked at only where both ends agree.
        (Some(a0), Some(b0), Some(a1), Some(b1)) => a0 == b0 && a1 == b1 && (a.len() <= 16 || a == b),
        _ => match (a.first_chunk::<4>(), b.first_chunk::<4>(), a.last_chunk::<4>(), b.last_chunk::<4>()) {
            (Some(a0), Some(b0), Some(a1), Some(b1)) => a0 == b0 && a1 == b1,
            _ => a.iter().zip(b).all(|(a, b)| a == b),
        },
    }
}

/// Names with the positions of what they name.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameIndex {
    /// Power-of-two table of entry numbers plus one; 0 is free.
    table: Vec<u16>,
    entries: Vec<(NameHash, Box<[u8]>, Vec<u32>)>,
}

impl NameIndex {
    pub(crate) fn insert(&mut self, name: &[u8], position: u32) {
        let hash = NameHash::of(name);
        if let Some(at) = self.locate(name, hash) {
            if let Some(entry) = self.entries.get_mut(at) {
                entry.2.push(position);
            }
            return;
        }
        self.entries.push((hash, name.into(), vec![position]));
        if self.entries.len() * 4 > self.table.len() {
            self.grow();
        } else {
            self.place(self.entries.len() - 1, hash);
        }
    }

    fn grow(&mut self) {
        let size = (self.entries.len() * 8).next_power_of_two();
        self.table = vec![0; size];
        for at in 0..self.entries.len() {
            if let Some(hash) = self.entries.get(at).map(|entry| entry.0) {
                self.place(at, hash);
            }
        }
    }

    fn place(&mut self, at: usize, hash: NameHash) {
        let mask = self.table.len() - 1;
        let mut slot = mix(hash) & mask;
        while let Some(entry) = self.table.get_mut(slot) {
            if *entry == 0 {
                *entry = (at + 1) as u16;
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    #[inline]
    fn locate(&self, name: &[u8], hash: NameHash) -> Option<usize> {
        let mask = self.table.len().checked_sub(1)?;
        let mut slot = mix(hash) & mask;
        loop {
            let at = usize::from(*self.table.get(slot)?).checked_sub(1)?;
            let entry = self.entries.get(at)?;
            // Nearly always the very bytes of the catalog: that compare is cheap.
            if entry.0 == hash && (same(&entry.1, name) || entry.1.eq_ignore_ascii_case(name)) {
                return Some(at);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The positions under a name; none where it is unknown.
    pub(crate) fn find(&self, name: &[u8]) -> &[u32] {
        self.find_hashed(name, NameHash::of(name))
    }

    /// As [`find`](Self::find), with the hash already at hand.
    #[inline]
    pub(crate) fn find_hashed(&self, name: &[u8], hash: NameHash) -> &[u32] {
        self.locate(name, hash).and_then(|at| self.entries.get(at)).map_or(&[], |entry| &entry.2)
    }
}

#[inline]
const fn mix(hash: NameHash) -> usize {
    (hash.0 ^ (hash.0 >> 15)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sameness() {
        let text: Vec<u8> = (0..40).collect();
        for len in 0..40 {
            let name = text.get(..len).expect("shorter than the text");
            assert!(same(name, name) && !same(name, &text));
            for at in 0..len {
                let mut other = name.to_vec();
                other.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 0x80);
                assert!(!same(name, &other), "{len} {at}");
            }
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let mut index = NameIndex::default();
        assert!(index.find(b"x").is_empty());
        for number in 0..2000_u32 {
            index.insert(format!("+CMD{}", number % 1000).as_bytes(), number);
        }
        for number in 0..1000 {
            assert_eq!(index.find(format!("+cmd{number}").as_bytes()), [number, number + 1000]);
        }
        assert!(index.find(b"+CMD").is_empty());
    }
}
