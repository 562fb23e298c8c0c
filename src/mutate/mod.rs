//! Mutates inputs for parsers of drivers: almost right conversations, from any input or from none.
//!
//! An input is taken apart by the decoder, changed at one level (lines, exchanges, fields, lengths against data, line ends,
//! chunks), and printed again. What it puts in comes from the catalogs. The same input, seed and options give the same
//! result, never longer than the limit; nothing is kept from one input to the next, but for [`Mutator::set_paced`].
//!
//! In a fuzz target for `cargo fuzz`, one line:
//!
//! ```ignore
//! libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
//!     atscope::mutate::libfuzzer(data, size, max_size, seed, Some(libfuzzer_sys::fuzzer_mutate))
//! });
//! ```
//!
//! By hand:
//!
//! ```
//! use atscope::mutate::{Mutator, Options};
//!
//! let options = Options { dialect: Some("esp-at".to_owned()), ..Options::default() };
//! let mut mutator = Mutator::new(&options).expect("the dialect is built in");
//! let session = mutator.mutate(b"", 4096, 1).to_vec();
//! assert!(!session.is_empty() && session == mutator.mutate(b"", 4096, 1));
//! ```

mod compose;
pub mod features;
mod fields;
pub mod form;
mod havoc;
mod job;
mod kit;
#[cfg(feature = "fuzzing")]
mod laws;
pub mod minimise;
mod ops;
mod options;
mod pace;
mod parse;
mod tour;
pub mod words;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use fastrand::Rng;

pub use form::{Conversation, InputForm};
#[cfg(feature = "fuzzing")]
pub use laws::laws;
pub use options::{BadOption, Options};

use job::{Buffers, Job};
use kit::Kit;
use pace::Pace;
use parse::{From, Parser};

use crate::catalog;

/// Longer inputs are often cut down first, the more often the longer they are: a target runs through short ones faster, so
/// that each length gets its share of the time.
const SHORT: usize = 128;

/// Longest input and result, whatever the limit.
const LARGEST: usize = 16 * 1024 * 1024;

/// How many of 8 inputs are taken apart at their line ends alone.
const LIGHT: u8 = 6;

/// A fuzzer's own mutation of bytes, such as libFuzzer's `LLVMFuzzerMutate`: mutates the first `size` bytes in place, and
/// gives the new size, at most `max_size`.
pub type ByteMutation = fn(data: &mut [u8], size: usize, max_size: usize) -> usize;

/// Mutates inputs; see the [module](self).
#[derive(Debug)]
pub struct Mutator {
    kit: Arc<Kit>,
    form: InputForm,
    ratio: u8,
    parser: Parser,
    buffers: Buffers,
    out: Vec<u8>,
    own_bytes: Option<ByteMutation>,
    /// Where it is watched; and whether the target is slow.
    pace: Option<Pace>,
    slow: bool,
}

/// Kits by dialect and model: made once in a process, since a fuzzer may have many threads.
static KITS: LazyLock<Mutex<HashMap<Key, Arc<Kit>>>> = LazyLock::new(Mutex::default);

/// Dialect, model, program.
type Key = (Option<String>, Option<String>, Option<std::path::PathBuf>);

fn kit(options: &Options) -> Result<Arc<Kit>, BadOption> {
    let key = (options.dialect.clone(), options.model.clone(), options.program.clone());
    // A panic under the lock cannot leave half a kit in it.
    let mut kits = KITS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(kit) = kits.get(&key).filter(|_| options.words.is_empty()) {
        return Ok(Arc::clone(kit));
    }
    let catalogs = match &options.dialect {
        Some(name) if catalog::builtin_names().contains(&name.as_str()) => vec![catalog::load_builtin(name)?],
        Some(name) if name.ends_with(".toml") => vec![catalog::load_file(std::path::Path::new(name))?],
        Some(name) => return Err(BadOption::Dialect(name.clone())),
        None => catalog::load_all_builtin(),
    };
    if let Some(model) = &options.model
        && catalogs.iter().all(|catalog| catalog.model(model).is_none())
    {
        return Err(BadOption::Model(model.clone()));
    }
    let mut kit = Kit::new(&catalogs, options.model.as_deref());
    let mut words = options.words.clone();
    if let Some(program) = options.program.as_deref().and_then(read) {
        words.extend(words::of_program(&program, kit.known()));
    }
    words.iter().for_each(|word| kit.add_word(word));
    kit.focus();
    let kit = Arc::new(kit);
    if options.words.is_empty() {
        kits.insert(key, Arc::clone(&kit));
    }
    Ok(kit)
}

/// A program's bytes; `None` where it cannot be read, or is too large to be a driver's parser.
fn read(path: &std::path::Path) -> Option<Vec<u8>> {
    const LARGEST: u64 = 256 * 1024 * 1024;
    let size = std::fs::metadata(path).ok().filter(|meta| meta.is_file())?.len();
    if size > LARGEST { None } else { std::fs::read(path).ok() }
}

impl Mutator {
    /// A mutator.
    ///
    /// # Errors
    /// Where there is no such dialect or model, or a catalog's file has mistakes.
    pub fn new(options: &Options) -> Result<Self, BadOption> {
        Ok(Self {
            kit: kit(options)?,
            form: options.form,
            ratio: options.ratio.min(100),
            parser: Parser::default(),
            buffers: Buffers::default(),
            out: Vec::new(),
            own_bytes: None,
            pace: None,
            slow: false,
        })
    }

    /// Mixes a fuzzer's own byte mutations in with ours.
    pub fn set_byte_mutation(&mut self, bytes: Option<ByteMutation>) {
        self.own_bytes = bytes;
    }

    /// Watches how long the target takes between two mutations, and makes inputs shorter for a slow one. Then the results hang on
    /// the clock, too: without this the same input and seed give the same. [`with_env`] turns it on.
    pub fn set_paced(&mut self, paced: bool) {
        self.pace = paced.then(Pace::default);
        self.slow = false;
    }

    /// What an input is taken for.
    pub fn form(&self) -> InputForm {
        self.form
    }

    /// Mutates an input; gives at most `max` bytes.
    pub fn mutate(&mut self, input: &[u8], max: usize, seed: u64) -> &[u8] {
        self.run(input, b"", max, &mut Rng::with_seed(seed));
        &self.out
    }

    /// Crosses two inputs; gives at most `max` bytes.
    pub fn cross(&mut self, one: &[u8], other: &[u8], max: usize, seed: u64) -> &[u8] {
        self.run(one, other, max, &mut Rng::with_seed(seed));
        &self.out
    }

    /// A new session out of the catalogs; gives at most `max` bytes.
    pub fn compose(&mut self, max: usize, seed: u64) -> &[u8] {
        let mut rng = Rng::with_seed(seed);
        self.structure(b"", b"", max.min(LARGEST), &mut rng);
        &self.out
    }

    fn run(&mut self, input: &[u8], other: &[u8], max: usize, rng: &mut Rng) {
        self.slow = self.pace.as_mut().is_some_and(Pace::enter);
        self.change(input, other, max, rng);
        if let Some(pace) = &mut self.pace {
            pace.leave();
        }
    }

    fn change(&mut self, input: &[u8], other: &[u8], max: usize, rng: &mut Rng) {
        let max = max.min(LARGEST);
        let [input, other] = [input, other].map(|input| input.get(..LARGEST).unwrap_or(input));
        if max == 0 {
            return self.out.clear();
        }
        // Some steps change nothing where they are tried.
        for _ in 0..3 {
            self.once(input, other, max, rng);
            if self.out != input && !self.out.is_empty() {
                return;
            }
        }
        if self.out.is_empty() {
            // Fuzzers pass over an input of no bytes.
            self.out.extend(b"\r\nOK\r\n".iter().take(max));
        }
    }

    fn once(&mut self, input: &[u8], other: &[u8], max: usize, rng: &mut Rng) {
        /// Out of 100: how often an input is left and another one made.
        const FRESH: u8 = 4;
        let roll = rng.u8(..100);
        let tiny = input.len() < 3 && rng.u8(..4) > 0;
        if tiny || rng.u8(..100) < FRESH {
            return self.structure(b"", b"", max, rng);
        }
        let (input, other) = (shortened(input, self.slow, rng), shortened(other, self.slow, rng));
        if other.is_empty() && roll >= self.ratio {
            return self.bytes(input, max, rng);
        }
        self.structure(input, other, max, rng);
        if rng.u8(..16) == 0 {
            let out = std::mem::take(&mut self.out);
            self.bytes(&out, max, rng);
        }
    }

    /// Mutates bytes: ours, or the fuzzer's own.
    fn bytes(&mut self, input: &[u8], max: usize, rng: &mut Rng) {
        self.out.clear();
        self.out.extend_from_slice(input.get(..max).unwrap_or(input));
        if let Some(own) = self.own_bytes.filter(|_| rng.u8(..4) > 0) {
            let size = self.out.len();
            let max = max.min(2 * size + 1024);
            self.out.resize(max, 0);
            let new = own(&mut self.out, size, max);
            return self.out.truncate(new.min(max));
        }
        let Self { kit, out, .. } = self;
        let dialect = rng.choice(&kit.dialects);
        for _ in 0..1_u8 << rng.u8(..4) {
            let own = rng.bool() && !kit.own.is_empty();
            let list = if own { Some(&kit.own) } else { dialect.map(|dialect| &dialect.words) };
            let word = list.and_then(|list| rng.choice(list)).map_or(&b""[..], |&word| kit.text(word));
            havoc::once(out, max, word, rng);
        }
        out.truncate(max);
    }

    /// Mutates structure.
    fn structure(&mut self, input: &[u8], other: &[u8], max: usize, rng: &mut Rng) {
        let kit = Arc::clone(&self.kit);
        let Some(mut dialect) = dialect(&kit, input, rng) else { return };
        // Mostly what the target itself has words of.
        if let Some(focus) = dialect.focus.as_deref().filter(|_| rng.u8(..8) < kit.focused) {
            dialect = focus;
        }
        let buffers = &mut self.buffers;
        buffers.scratch.clear();
        buffers.pieces.clear();
        buffers.others.clear();
        let light = self.form == InputForm::Stream && rng.u8(..8) < LIGHT;
        let mut parse = |input: &[u8], from, pieces: &mut Vec<_>| match light {
            _ if input.is_empty() => {}
            true => Parser::lines(input, from, pieces),
            false => self.parser.parse(&dialect.catalog, self.form, input, from, pieces),
        };
        parse(input, From::Input, &mut buffers.pieces);
        parse(other, From::Other, &mut buffers.others);
        if !light {
            ops::strange(&mut buffers.others);
        }
        let soft = soft(input.len().max(other.len()), max, self.slow, rng);
        let mut job = Job { kit: &kit, dialect, form: self.form, input, other, buffers, rng, max, soft };
        if !other.is_empty() {
            job.splice();
        }
        // Mostly one step, sometimes several: a step that a target rejects hides the others.
        let mut more = other.is_empty() || job.rng.u8(..3) == 0;
        while more {
            job.mutate();
            more = job.rng.u8(..3) == 0 && !job.full();
        }
        job.write(&mut self.out);
    }
}

/// The input, or where it is long some lines of it.
fn shortened<'i>(input: &'i [u8], slow: bool, rng: &mut Rng) -> &'i [u8] {
    let len = input.len();
    let roll = rng.usize(..len.max(1));
    let kept = match slow {
        // The work of a slow parser grows faster than its input.
        true => roll < (SHORT / 2).max(len / 32),
        false => roll < SHORT || roll * roll / len < SHORT,
    };
    if len <= SHORT || kept {
        return input;
    }
    // Often those at its head: what lies behind them may need them.
    let start = if rng.u8(..4) == 0 { 0 } else { line_end(input, rng.usize(..len)) };
    let rest = input.get(start..).unwrap_or_default();
    let end = line_end(rest, rng.usize(..=rest.len().min(2 * SHORT)));
    rest.get(..end.max(1)).unwrap_or(rest)
}

/// Where the line ends that `at` lies in.
fn line_end(input: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', input.get(at..).unwrap_or_default()).map_or(input.len(), |end| at + end + 1)
}

/// How long the result should be: mostly short, since a target runs through short inputs faster; sometimes long.
fn soft(len: usize, max: usize, slow: bool, rng: &mut Rng) -> usize {
    /// What is worth its time.
    const LONGEST: usize = 16 * 1024;
    let wanted = match rng.u8(..64) {
        _ if slow && rng.u8(..8) > 0 => 96,
        0 => LONGEST,
        1 => 2048,
        2..=5 => 1024,
        6..=31 => 256,
        _ => 96,
    };
    wanted.max(len + len / 4).min(max)
}

/// The dialect that knows most of an input's lines; any where none does.
fn dialect<'k>(kit: &'k Kit, input: &[u8], rng: &mut Rng) -> Option<&'k kit::Dialect> {
    if kit.dialects.len() < 2 {
        return kit.dialects.first();
    }
    let mut votes = [0_u8; 32];
    let lines = input.split(|byte| matches!(byte, b'\r' | b'\n')).filter(|line| !line.is_empty());
    for line in lines.take(12) {
        let end = line.iter().take(48).position(|byte| matches!(byte, b':' | b',' | b'='));
        let name = line.get(..end.unwrap_or(line.len())).unwrap_or(line);
        if let Some((_, dialects)) = kit.named(name) {
            for (at, vote) in votes.iter_mut().enumerate() {
                *vote += u8::from(dialects >> at & 1 == 1);
            }
        }
    }
    let most = votes.iter().max().copied().unwrap_or_default();
    // Where the lines tell nothing, the target's own words mostly do.
    if most == 0 && rng.u8(..4) > 0 {
        let fits = |dialect: &kit::Dialect| dialect.focus.as_ref().map_or(0, |focus| focus.all.len());
        let best = kit.dialects.iter().map(fits).max().unwrap_or_default();
        let mut likely = kit.dialects.iter().filter(|dialect| fits(dialect) * 2 >= best);
        let count = likely.clone().count();
        return likely.nth(rng.usize(..count.max(1)));
    }
    // Now and then another one: what was told of a few lines may be wrong.
    let least = if rng.u8(..16) == 0 { 0 } else { most };
    let able = || kit.dialects.iter().zip(votes).filter(|(_, vote)| *vote >= least);
    let count = able().count();
    able().nth(rng.usize(..count.max(1))).map(|(dialect, _)| dialect)
}

thread_local! {
    static MINE: RefCell<Option<Mutator>> = const { RefCell::new(None) };
}

/// Runs with the thread's own mutator, made by the environment's options ([`Options::from_env`]).
///
/// # Errors
/// What is wrong with the options.
pub fn with_env<T>(run: impl FnOnce(&mut Mutator) -> T) -> Result<T, BadOption> {
    MINE.with(|mine| {
        // Borrowed already: a byte mutation of the caller's called us again.
        let Ok(mut mine) = mine.try_borrow_mut() else { return Err(BadOption::Busy) };
        if mine.is_none() {
            *mine = Some(paced(Mutator::new(&Options::from_env()?)?));
        }
        mine.as_mut().map(run).ok_or(BadOption::Busy)
    })
}

/// Has a mutator watch the target's pace ([`Mutator::set_paced`]), unless the variable `ATSCOPE_PACE` is `off`.
pub fn paced(mut mutator: Mutator) -> Mutator {
    mutator.set_paced(std::env::var_os("ATSCOPE_PACE").is_none_or(|pace| pace != "off"));
    mutator
}

/// Says once what is wrong with the options, and ends the process: a fuzzer that runs for hours without what was asked for
/// is worse.
#[allow(clippy::print_stderr)] // a fuzzer has no other way to be told
fn refuse(error: &BadOption) -> ! {
    eprintln!("atscope mutator: {error}");
    std::process::exit(2)
}

/// The body of `libfuzzer_sys::fuzz_mutator!`: mutates `data[..size]` in place, and gives the new size, at most `max_size`.
///
/// `bytes` is the fuzzer's own mutation (`Some(libfuzzer_sys::fuzzer_mutate)`), which is mixed in. Options come from the
/// environment ([`Options::from_env`]); bad ones end the process with status 2.
pub fn libfuzzer(data: &mut [u8], size: usize, max_size: usize, seed: u32, bytes: Option<ByteMutation>) -> usize {
    let done = with_env(|mutator| {
        mutator.set_byte_mutation(bytes);
        let out = mutator.mutate(data.get(..size).unwrap_or_default(), max_size.min(data.len()), seed.into());
        put(out, data)
    });
    match done {
        Ok(size) => size,
        Err(BadOption::Busy) => size.min(max_size),
        Err(error) => refuse(&error),
    }
}

/// The body of `libfuzzer_sys::fuzz_crossover!`: crosses two inputs into `out`, and gives the size.
pub fn libfuzzer_cross(one: &[u8], other: &[u8], out: &mut [u8], seed: u32) -> usize {
    match with_env(|mutator| put(mutator.cross(one, other, out.len(), seed.into()), out)) {
        Ok(size) => size,
        Err(BadOption::Busy) => 0,
        Err(error) => refuse(&error),
    }
}

fn put(from: &[u8], to: &mut [u8]) -> usize {
    let len = from.len().min(to.len());
    if let (Some(to), Some(from)) = (to.get_mut(..len), from.get(..len)) {
        to.copy_from_slice(from);
    }
    len
}
