//! The bodies of the fuzz targets `capture` and `levels`, which also run as ordinary tests.

use std::collections::BTreeMap;
use std::io::Read;

use super::{CaptureError, Format, Input, LevelReader, MAX_CHUNK, Options, Reader};
use super::{convert, detect, level_writer, open, open_levels, open_pair, writer};
use crate::Sender;
use crate::uart::{Change, Levels};

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

/// All that a reader of levels gave: changes by channel, how far they are told, and how it ended.
type Told = (Vec<Vec<Change>>, Vec<u64>, Option<String>);

fn tell(opened: Result<Box<dyn LevelReader>, CaptureError>) -> Result<Told, String> {
    /// Changes of a stretch, and those of one moment.
    const MOST: usize = 64 * 1024 + 8 * 1024;
    let mut reader = opened.map_err(|error| error.to_string())?;
    let channels = reader.channels().len();
    assert!(channels <= 4096, "{channels} channels");
    let (mut all, mut until) = (vec![Vec::<Change>::new(); channels], vec![0; channels]);
    let mut out = Levels::new(channels);
    let end = loop {
        out.clear();
        match reader.read(&mut out) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error.to_string()),
        }
        let count: usize = out.changes.iter().map(Vec::len).sum();
        assert!(count <= MOST, "{count} changes in a stretch");
        assert_eq!((out.changes.len(), out.until.len()), (channels, channels));
        for ((all, changes), (before, now)) in all.iter_mut().zip(&out.changes).zip(until.iter().zip(&out.until)) {
            assert!(before <= now, "told up to {before}, then to {now}");
            for change in changes {
                assert!((*before..*now).contains(&change.at), "{change:?} in a stretch from {before} to {now}");
                let law = all.last().is_none_or(|last| last.at < change.at && last.level != change.level);
                assert!(law, "{change:?} behind {:?}", all.last());
                all.push(*change);
            }
        }
        until.clone_from(&out.until);
    };
    out.clear();
    assert!(matches!(reader.read(&mut out), Ok(false)), "something comes behind the end");
    Ok((all, until, end))
}

/// Laws: no reader of logic levels panics, whatever the data; stretches are bounded, in order of time, and each change is
/// to another level; what comes out does not depend on how the input comes; a dump of it reads as the same changes.
///
/// # Panics
/// If a law is broken.
#[allow(clippy::panic)] // that is what a fuzz body is for
pub fn fuzz_levels(data: &[u8]) {
    let formats = Format::ALL.into_iter().filter(|format| format.is_levels()).map(Some).chain([None]);
    let unit = data.last().map_or(1, |last| last % 8 + 1);
    for format in formats {
        let options = Options { format, samplerate: Some(1_000_000), unit_size: Some(unit), ..Options::default() };
        let file = || Input::File(Box::new(std::io::Cursor::new(data.to_vec())));
        let told = tell(open_levels("fuzz", file(), &options));
        let pieces = Input::Stream(Box::new(Pieces { data: data.to_vec(), at: 0, turn: data.len() }));
        assert_eq!(told, tell(open_levels("fuzz", pieces, &options)), "{options:?}");

        let (Ok((changes, ..)), Ok(mut reader)) = (told, open_levels("fuzz", file(), &options)) else { continue };
        let written = Shared::default();
        let Ok(mut writer) = level_writer(Format::Vcd, Box::new(written.clone()), None) else { continue };
        let mut levels = Levels::new(changes.len());
        if writer.start(reader.channels()).is_err() {
            continue;
        }
        while let Ok(true) = reader.read(&mut levels) {
            assert!(writer.levels(&levels).is_ok());
            levels.clear();
        }
        assert!(writer.finish().is_ok());
        let bytes = written.bytes();
        let dump = Input::Stream(Box::new(std::io::Cursor::new(bytes)));
        let again = tell(open_levels("again", dump, &Options { format: Some(Format::Vcd), ..Options::default() }));
        // Where there are no changes at all, or a clock that no timescale fits, times differ.
        if let Ok((again, _, None)) = again {
            let levels = |changes: &[Vec<Change>]| -> Vec<Vec<crate::uart::Level>> {
                changes.iter().map(|changes| changes.iter().map(|change| change.level).collect()).collect()
            };
            assert_eq!(levels(&again), levels(&changes), "written as a dump, read by {options:?}");
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
