//! What was said goes into a recording as it is said: whatever ends the program, what was said before is in the file.
//!
//! A format that holds several conversations (pcapng) gets all connections in one file; others get one file each.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::capture::{self, CaptureError, Chunk, Format, MAX_CHUNK, Meta, Writer};
use crate::cli::convert::of_name;
use crate::cli::failure::Failure;
use crate::{Sender, Time};

/// What a recording says of itself.
#[derive(Clone, Debug)]
pub(super) struct Recording {
    path: PathBuf,
    format: Format,
    headers: Vec<(String, String)>,
    /// It tells the time of the day.
    dated: bool,
}

impl Recording {
    /// Of that name, whose end tells the format.
    pub(super) fn new(path: &Path, headers: Vec<(String, String)>, dated: bool) -> Result<Self, Failure> {
        let format = of_name(path).ok_or_else(|| {
            Failure::Said(format!(
                "{}: the name does not tell the format; end it with .at, .pcap, .pcapng, .sr or .vcd",
                path.display()
            ))
        })?;
        Ok(Self { path: path.to_owned(), format, headers, dated })
    }

    /// Whether it can be read before its end.
    pub(super) fn is_kept(&self) -> bool {
        !self.format.is_levels()
    }

    /// The file of that conversation, from 0.
    fn file(&self, number: u32) -> PathBuf {
        if number == 0 || self.format == Format::Pcapng {
            return self.path.clone();
        }
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let end = self.path.extension().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!("{stem}-{}.{end}", number + 1))
    }
}

/// The recordings of a run.
#[derive(Clone)]
pub(super) struct Recorder {
    recording: Recording,
    /// The one file of all connections, once the first is there.
    shared: Arc<Mutex<Option<Arc<Mutex<Open>>>>>,
}

struct Open {
    path: PathBuf,
    writer: Box<dyn Writer>,
    out: Shared,
    since: Instant,
    last: Time,
    /// Nothing more is written: the disk is full, or the like.
    failed: bool,
    finished: bool,
    /// Something was written since it was last settled.
    fresh: bool,
}

/// One conversation of a recording.
pub(super) struct Track {
    open: Arc<Mutex<Open>>,
    session: u32,
    /// Its zero, by the recording's clock.
    zero: Time,
    alone: bool,
}

impl Recorder {
    pub(super) fn new(recording: Recording) -> Result<Self, Failure> {
        // A file that cannot be written is told before anything is said.
        File::create(&recording.path)
            .map_err(|error| Failure::Said(format!("{}: {error}", recording.path.display())))?;
        Ok(Self { recording, shared: Arc::default() })
    }

    /// The recording of the next conversation, which starts now.
    pub(super) fn track(&self, number: u32) -> Result<Track, Failure> {
        if self.recording.format != Format::Pcapng {
            let open = Arc::new(Mutex::new(Open::new(&self.recording, number)?));
            return Ok(Track { open, session: 0, zero: Time::ZERO, alone: true });
        }
        let mut shared = lock(&self.shared);
        let open = match &*shared {
            Some(open) => Arc::clone(open),
            None => Arc::clone(shared.insert(Arc::new(Mutex::new(Open::new(&self.recording, 0)?)))),
        };
        let zero = nanos(lock(&open).since.elapsed());
        // The first one starts the clock.
        let (session, zero) = if number == 0 { (0, Time::ZERO) } else { (number, zero) };
        Ok(Track { open, session, zero, alone: false })
    }

    /// The path of a conversation's file.
    pub(super) fn path(&self, number: u32) -> PathBuf {
        self.recording.file(number)
    }

    /// Ends the file of all connections.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        match &*lock(&self.shared) {
            Some(open) => lock(open).finish(),
            None => Ok(()),
        }
    }
}

impl Track {
    /// Something was said; times that run backwards are set right.
    pub(super) fn chunk(&self, from: Sender, time: Time, bytes: &[u8]) -> Result<(), Failure> {
        lock(&self.open).chunk(self.session, from, self.zero.plus(time), bytes)
    }

    /// Everything said so far is in the file from here on.
    pub(super) fn settle(&self) -> Result<(), Failure> {
        lock(&self.open).settle()
    }

    /// The conversation is over.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        if self.alone { lock(&self.open).finish() } else { self.settle() }
    }
}

impl Open {
    fn new(recording: &Recording, number: u32) -> Result<Self, Failure> {
        let path = recording.file(number);
        let file = File::create(&path).map_err(|error| Failure::Said(format!("{}: {error}", path.display())))?;
        let out = Shared(Arc::new(Mutex::new(BufWriter::new(file))));
        let writer = capture::writer(recording.format, Box::new(out.clone()));
        let mut writer = writer.map_err(|error| failure(&path, &error))?;
        let mut meta = Meta::new(recording.format);
        meta.headers.clone_from(&recording.headers);
        meta.epoch = recording.dated.then(|| nanos(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default()));
        writer.start(&meta).map_err(|error| failure(&path, &error))?;
        let since = Instant::now();
        let mut open = Self { path, writer, out, since, last: Time::ZERO, failed: false, finished: false, fresh: true };
        open.settle()?;
        Ok(open)
    }

    fn chunk(&mut self, session: u32, from: Sender, time: Time, bytes: &[u8]) -> Result<(), Failure> {
        if self.failed || self.finished {
            return Ok(());
        }
        self.last = self.last.max(time);
        self.fresh = true;
        for bytes in bytes.chunks(MAX_CHUNK) {
            let chunk = Chunk { session, from, time: Some(self.last), bytes, faults: &[], place: None };
            let written = self.writer.chunk(&chunk);
            self.guard(written)?;
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), Failure> {
        if self.failed || self.finished || !std::mem::take(&mut self.fresh) {
            return Ok(());
        }
        let written = self.writer.settle().and_then(|()| self.out.flush().map_err(CaptureError::Write));
        self.guard(written)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        if self.failed || std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        let written = self.writer.finish().and_then(|()| self.out.flush().map_err(CaptureError::Write));
        self.guard(written)
    }

    /// An error is told once.
    fn guard(&mut self, written: Result<(), CaptureError>) -> Result<(), Failure> {
        written.map_err(|error| {
            self.failed = true;
            failure(&self.path, &error)
        })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Whoever wanted to know of an error has asked before.
        let _ = self.finish();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(duration: Duration) -> Time {
    Time::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn failure(path: &Path, error: &CaptureError) -> Failure {
    Failure::Said(format!("{}: {error}", path.display()))
}

/// A file that its writer has, and that is flushed from outside.
#[derive(Clone)]
struct Shared(Arc<Mutex<BufWriter<File>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}
