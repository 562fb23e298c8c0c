//! Bytes of the host that wait: pushed at one end, taken at the other, without moving the rest each time.

/// See the module's head.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
}

impl Inbox {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // What was taken goes once it is the greater part: each byte moves at most once.
        if self.taken > self.bytes.len() / 2 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// All that waits.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.taken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next so many bytes, or what there is.
    pub(super) fn take(&mut self, most: usize) -> &[u8] {
        let start = self.taken;
        self.taken = self.bytes.len().min(start.saturating_add(most));
        self.bytes.get(start..self.taken).unwrap_or_default()
    }

    /// Gives bytes back: they come next again.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.bytes.splice(..self.taken, bytes.iter().copied());
        self.taken = 0;
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_what_was_pushed_in_order() {
        let mut inbox = Inbox::default();
        inbox.push(b"abc");
        assert_eq!(inbox.take(2), b"ab");
        inbox.push(b"def");
        assert_eq!(inbox.rest(), b"cdef");
        inbox.put_back(b"ab");
        assert_eq!((inbox.len(), inbox.take(99)), (6, &b"abcdef"[..]));
        assert!(inbox.is_empty());
    }
}
