//! The body of the fuzz target `capture`, which also runs as an ordinary test.

use std::collections::BTreeMap;
use std::io::Read;

use super::{CaptureError, Format, MAX_CHUNK, Options, Reader, convert, detect, open, open_pair, writer};
use crate::Sender;

/// Gives a few bytes a read, of changing number.
struct Pieces {
    data: Vec<u8>,
    at: usize,
    turn: usize,
}

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        const SIZES: [usize; 5] = [1, 7, 2, 61, 13];
        self.turn += 1;
        let size = SIZES.get(self.turn % SIZES.len()).copied().unwrap_or(1);
        let rest = self.data.get(self.at..).unwrap_or_default();
        let count = rest.len().min(size).min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

/// All bytes by session and sender, and how it ended.
type Drained = (BTreeMap<(u32, Sender), Vec<u8>>, Option<String>);

fn drain(opened: Result<Box<dyn Reader>, CaptureError>) -> Drained {
    let mut bytes: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    let told = |error: CaptureError| {
        let text = error.to_string();
        assert!(!text.is_empty(), "an error says nothing: {error:?}");
        Some(text)
    };
    let mut reader = match opened {
        Ok(reader) => reader,
        Err(error) => return (bytes, told(error)),
    };
    let end = loop {
        match reader.next_chunk() {
            Ok(Some(chunk)) => {
                assert!(chunk.bytes.len() <= MAX_CHUNK, "a chunk of {} bytes", chunk.bytes.len());
                assert!(!chunk.bytes.is_empty() || !chunk.faults.is_empty(), "a chunk of nothing");
                assert!(chunk.faults.iter().all(|fault| fault.at <= chunk.bytes.len()), "a fault outside of its chunk");
                bytes.entry((chunk.session, chunk.from)).or_default().extend_from_slice(chunk.bytes);
            }
            Ok(None) => break None,
            Err(error) => break told(error),
        }
    };
    assert!(matches!(reader.next_chunk(), Ok(None)), "something comes behind the end");
    bytes.retain(|_, bytes| !bytes.is_empty());
    (bytes, end)
}

/// Laws: no reader panics or gives chunks that are too long, whatever the data; what a reader gives does not depend on
/// how the input comes; what is written reads as the same bytes.
///
/// # Panics
/// If a law is broken.
#[allow(clippy::panic)] // that is what a fuzz body is for
pub fn fuzz_capture(data: &[u8]) {
    let forced = Format::ALL.into_iter().map(|format| Options { format: Some(format), ..Options::default() });
    let others = [Options::default(), Options { mixed: true, ..Options::default() }];
    for options in forced.chain(others) {
        let whole = drain(open("fuzz", Box::new(std::io::Cursor::new(data.to_vec())), &options));
        let pieces = Pieces { data: data.to_vec(), at: 0, turn: data.len() };
        assert_eq!(whole, drain(open("fuzz", Box::new(pieces), &options)), "{options:?}");

        for format in [Format::Transcript, Format::Pcap, Format::Pcapng] {
            let Ok(mut reader) = open("fuzz", Box::new(std::io::Cursor::new(data.to_vec())), &options) else {
                continue;
            };
            let written = Shared::default();
            let Ok(mut writer) = writer(format, Box::new(written.clone())) else {
                continue;
            };
            // Where the format cannot hold all of it, what was written ahead of that still has to be readable.
            let complete = !matches!(convert(&mut *reader, &mut *writer), Err(CaptureError::Unwritable { .. }));
            let back = written.bytes();
            let options = Options { format: Some(format), ..Options::default() };
            let (again, _) = drain(open("again", Box::new(std::io::Cursor::new(back)), &options));
            let sessions = |drained: &BTreeMap<(u32, Sender), Vec<u8>>| -> Vec<(Sender, Vec<u8>)> {
                drained.iter().map(|((_, from), bytes)| (*from, bytes.clone())).collect()
            };
            let single =
                whole.0.keys().map(|(session, _)| session).collect::<std::collections::BTreeSet<_>>().len() < 2;
            if complete && single {
                assert_eq!(sessions(&again), sessions(&whole.0), "written as {format}, read by {options:?}");
            }
        }
    }
    let (host, module) = data.split_at_checked(data.len() / 2).unwrap_or((data, &[]));
    let named = |bytes: &[u8]| {
        Some(("half".to_owned(), Box::new(std::io::Cursor::new(bytes.to_vec())) as Box<dyn Read + Send>))
    };
    let (both, _) = drain(open_pair(named(host), named(module)));
    let tables = [host, module].iter().any(|half| detect(half) == Some(Format::Saleae));
    for (from, half) in [(Sender::Host, host), (Sender::Module, module)] {
        if !tables {
            assert_eq!(both.get(&(0, from)).map_or(&[][..], Vec::as_slice), half, "{from}");
        }
    }
}

/// An output that can be looked at.
#[derive(Clone, Default)]
struct Shared(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    fn bytes(&self) -> Vec<u8> {
        self.0.lock().map(|bytes| bytes.clone()).unwrap_or_default()
    }
}

impl std::io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Ok(mut all) = self.0.lock() {
            all.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
