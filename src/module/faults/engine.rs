//! From the module to the wire: what happens to each piece that it says, and what happens by the clock.

use super::damage;
use super::fault::{Amount, Kind, Place, Side};
use super::{Armed, Faults, unsolicited};
use crate::Time;
use crate::catalog::Role;
use crate::escape::escape;
use crate::module::core::{Chunk, Said};
use crate::module::{Module, Phase};
use crate::syntax::command;

/// Bytes that wait to go out; beyond, the module holds them.
const BACKLOG: usize = 1 << 20;

/// What a byte takes at 115200 baud: the pieces of a fragment follow each other so.
const BYTE: u64 = 86_806;

/// What is added to the documented maximum where a result comes late, in milliseconds.
const MARGIN: u64 = 500;

/// A line that no catalog has.
const STRAY: &str = "+XTRACE: 1,2";

impl Faults {
    /// Takes what the module says up to `now`, in the order of the times, and does what the clock says.
    pub(super) fn advance(&mut self, now: Time, module: &mut Module) {
        while self.queued < BACKLOG {
            let module_next = module.wake().filter(|wake| *wake <= now);
            let timed = self.next_timed().filter(|next| *next <= now);
            match (timed, module_next) {
                (Some(timed), module_next) if module_next.is_none_or(|next| timed <= next) => {
                    self.strike_timed(timed, module);
                }
                (_, Some(next)) => {
                    while let Some(chunk) = module.poll(next) {
                        self.take(chunk, module);
                    }
                    // A world that does not know its own times.
                    if module.wake().is_some_and(|wake| wake <= next) {
                        break;
                    }
                }
                _ => break,
            }
        }
        while self.queued < BACKLOG
            && let Some(chunk) = module.poll(now)
        {
            self.take(chunk, module);
        }
    }

    fn strike_timed(&mut self, time: Time, module: &mut Module) {
        let mut armed = std::mem::take(&mut self.armed);
        let due = armed.iter_mut().filter(|own| own.struck < own.fault.limit());
        if let Some(own) = due.filter(|own| own.next.is_some()).min_by_key(|own| own.next) {
            own.next = own.fault.period.map(|period| time.plus(Time::from_millis(period.draw(&mut own.rng).max(1))));
            let newest = module.last_line.clone();
            let speaks = !self.is_dead(time) && !matches!(module.phase, Phase::Off | Phase::Passthrough { .. });
            if own.strikes(time, &newest) && (speaks || own.fault.kind == Kind::Silence) {
                self.strike_alone(own, time, module);
            }
        }
        self.armed = armed;
    }

    fn strike_alone(&mut self, own: &mut Armed, time: Time, module: &mut Module) {
        // The module gets there first.
        while let Some(chunk) = module.poll(time) {
            self.take_as_is(chunk);
        }
        match own.fault.kind {
            Kind::Reset => {
                own.struck += 1;
                self.tell(time, Kind::Reset, "the module restarts".to_owned());
                self.reset(time, module);
            }
            Kind::Silence => {
                own.struck += 1;
                self.fall_silent(own, time);
            }
            _ => {
                if let Some(added) = added(own, time, module) {
                    own.struck += 1;
                    self.tell(time, own.fault.kind, format!("`{}` of itself", escape(&added.bytes)));
                    self.push(added);
                }
            }
        }
    }

    /// A piece goes out as it is.
    fn take_as_is(&mut self, chunk: Chunk) {
        if !self.is_dead(chunk.time) {
            self.push(chunk);
        }
    }

    fn push(&mut self, mut chunk: Chunk) {
        if chunk.bytes.is_empty() {
            return;
        }
        chunk.time = chunk.time.max(self.floor);
        self.floor = chunk.time;
        self.queued += chunk.bytes.len();
        self.queue.push_back(chunk);
    }

    fn take(&mut self, mut chunk: Chunk, module: &mut Module) {
        if self.is_dead(chunk.time) {
            return;
        }
        if std::mem::take(&mut self.glued) && chunk.bytes.starts_with(b"\r\n") {
            chunk.bytes.drain(..2);
        }
        // Where an earlier piece was late, all that follows is.
        chunk.time = chunk.time.max(self.floor);
        let mut work = Work { said: chunk.said, data: chunk.data > 0, time: chunk.time, main: 0, pieces: vec![chunk] };
        let newest = module.last_line.clone();
        let mut armed = std::mem::take(&mut self.armed);
        for own in armed.iter_mut().filter(|own| !own.fault.is_timed()) {
            if work.pieces.is_empty() {
                break;
            }
            if work.is_at(own) && own.strikes(work.time, &newest) {
                let time = work.time;
                if let Some(what) = self.strike(own, &mut work, module) {
                    own.struck += 1;
                    self.tell(time, own.fault.kind, what);
                }
            }
        }
        self.armed = armed;
        for piece in work.pieces {
            self.push(piece);
        }
    }

    /// Does it; says what was done, or `None` where it cannot be done to this piece.
    fn strike(&mut self, own: &mut Armed, work: &mut Work, module: &mut Module) -> Option<String> {
        let (kind, place) = (own.fault.kind, own.fault.place());
        match kind {
            Kind::Drop => {
                let whole = escape(&work.main()?.bytes).to_string();
                work.pieces.clear();
                Some(format!("`{whole}` does not come"))
            }
            Kind::Length => {
                let by = own.fault.bytes.unwrap_or(Amount::Within(1, 8)).draw(&mut own.rng);
                let wrong = own.fault.wrong;
                damage::length(work.main()?, wrong, by, &mut own.rng)
            }
            Kind::Shape => damage::shape(work.main()?, &mut own.rng),
            Kind::Numeric => numeric(work.main()?, module),
            Kind::Code => code(work.main()?, module, &mut own.rng),
            Kind::Lose | Kind::Double | Kind::Flip => {
                let data = place == Place::Payload || place == Place::Any && work.data && own.rng.bool();
                let count = own.fault.bytes.map_or(1, |bytes| bytes.draw(&mut own.rng));
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                let data = data || work.said == Said::Passthrough;
                damage::bytes(kind, work.main()?, data, count, &mut own.rng)
            }
            Kind::Glue => {
                let chunk = work.main()?;
                let closed = chunk.bytes.ends_with(b"\r\n") && damage::span(chunk, true).end < chunk.bytes.len();
                if closed || chunk.data == 0 && chunk.bytes.ends_with(b"\r\n") {
                    chunk.bytes.truncate(chunk.bytes.len() - 2);
                }
                self.glued = true;
                Some(format!("no line end behind `{}`", escape(&chunk.bytes)))
            }
            Kind::Repeat => {
                let mut again = work.main()?.clone();
                if let Some(line) = &own.fault.line {
                    again.bytes = module.core.framed(work.said, line.as_bytes(), true);
                    again.data = 0;
                }
                let what = format!("`{}` comes as well", escape(&again.bytes));
                work.pieces.push(again);
                Some(what)
            }
            Kind::Late => {
                let millis = match own.fault.millis {
                    Some(millis) => millis.draw(&mut own.rng),
                    None => longest(module)?.checked_add(MARGIN)?,
                };
                let chunk = work.main()?;
                chunk.time = chunk.time.plus(Time::from_millis(millis));
                Some(format!("`{}` comes {millis} ms late", escape(&chunk.bytes)))
            }
            Kind::Urc | Kind::Stray | Kind::Garbage => work.add(own, module),
            Kind::Busy => None,
            Kind::Fragment => {
                let bytes = own.fault.bytes.unwrap_or(Amount::Within(1, 8));
                let pieces = work.fragment(|| bytes.draw(&mut own.rng));
                (pieces > 1).then(|| format!("cut into {pieces} pieces"))
            }
            Kind::Pause => {
                let millis = own.fault.millis.unwrap_or(Amount::Within(5, 100)).draw(&mut own.rng);
                let at = cut(work.main()?, false, &mut own.rng)?;
                let behind = split(work.main()?, at);
                work.pieces.insert(work.main + 1, behind);
                for piece in work.pieces.iter_mut().skip(work.main + 1) {
                    piece.time = piece.time.plus(Time::from_millis(millis));
                }
                Some(format!("{millis} ms of silence behind `{}`", escape(&work.main()?.bytes)))
            }
            Kind::Reset | Kind::Silence => {
                let at = cut(work.main()?, place == Place::Payload, &mut own.rng).unwrap_or_default();
                let _ = split(work.main()?, at);
                work.pieces.truncate(work.main + 1);
                let ahead = escape(&work.main()?.bytes).to_string();
                for piece in std::mem::take(&mut work.pieces) {
                    self.push(piece);
                }
                let now = module.core.now().max(work.time);
                if kind == Kind::Reset {
                    self.reset(now, module);
                    return Some(format!("the module restarts behind `{ahead}`"));
                }
                self.fall_silent(own, now);
                None
            }
        }
    }

    fn reset(&mut self, now: Time, module: &mut Module) {
        module.reset(now);
        // What it had still to say is gone with its power.
        while module.core.take().is_some() {}
        self.glued = false;
    }

    fn fall_silent(&mut self, own: &mut Armed, now: Time) {
        let millis = own.fault.millis.map(|millis| millis.draw(&mut own.rng));
        self.dead = Some(millis.map(|millis| now.plus(Time::from_millis(millis))));
        let what = match millis {
            Some(millis) => format!("the module neither hears nor speaks for {millis} ms"),
            None => "the module neither hears nor speaks from now on".to_owned(),
        };
        own.struck += u64::from(!own.fault.is_timed());
        self.tell(now, Kind::Silence, what);
    }
}

/// A piece of the module's output while faults strike it.
struct Work {
    said: Said,
    data: bool,
    time: Time,
    /// Which of the pieces is, or starts with, what the module said.
    main: usize,
    pieces: Vec<Chunk>,
}

impl Work {
    fn main(&mut self) -> Option<&mut Chunk> {
        self.pieces.get_mut(self.main)
    }

    fn is_at(&self, own: &Armed) -> bool {
        let said = self.said;
        match own.fault.place() {
            Place::Any => match own.fault.kind {
                // Nothing else can be said within the bytes of a connection, and a banner is one piece.
                Kind::Urc | Kind::Stray => !matches!(said, Said::Boot | Said::Passthrough),
                _ => true,
            },
            Place::Boot => said == Said::Boot,
            Place::Echo => said == Said::Echo,
            Place::Final => said == Said::Final,
            Place::Payload => self.data || said == Said::Passthrough,
            Place::Progress => said == Said::Progress,
            Place::Prompt => said == Said::Prompt,
            Place::Response => said == Said::Response,
            Place::Urc => said == Said::Urc,
            Place::Command | Place::Data => false,
        }
    }

    /// Puts something ahead of the piece, behind it or into it.
    fn add(&mut self, own: &mut Armed, module: &Module) -> Option<String> {
        let mut added = added(own, self.time, module)?;
        let line = own.fault.kind != Kind::Garbage;
        let sides: &[Side] = match (self.said, line) {
            // Data has no line end behind it, and would take the rest of the echo for its own.
            (Said::Echo, true) if added.data > 0 => &[Side::Ahead],
            (Said::Echo, _) => &[Side::Ahead, Side::Inside],
            (_, true) => &[Side::Ahead, Side::Behind],
            (_, false) => &[Side::Ahead, Side::Behind, Side::Inside],
        };
        let side = own.fault.side.filter(|side| added.data == 0 || sides.contains(side));
        let side = side.or_else(|| own.rng.choice(sides).copied())?;
        let words = match side {
            Side::Ahead => "ahead of",
            Side::Behind => "behind",
            Side::Inside => "inside",
        };
        let what = format!("`{}` {words} `{}`", escape(&added.bytes), escape(&self.main()?.bytes));
        added.time = self.main()?.time;
        match side {
            Side::Ahead => {
                self.pieces.insert(self.main, added);
                self.main += 1;
            }
            Side::Behind => self.pieces.insert(self.main + 1, added),
            Side::Inside => {
                // Of an echo, so much comes ahead that it is one.
                let spared = if self.said == Said::Echo { 2 } else { 0 };
                let at = cut(self.main()?, false, &mut own.rng)?.max(spared);
                let behind = split(self.main()?, at);
                self.pieces.splice(self.main + 1..=self.main, [added, behind]);
            }
        }
        Some(what)
    }

    /// Cuts all pieces up; gives how many there are then.
    fn fragment(&mut self, mut size: impl FnMut() -> u64) -> usize {
        let mut cut = Vec::new();
        let mut delay = 0;
        for piece in std::mem::take(&mut self.pieces) {
            let data = damage::span(&piece, true);
            let mut start = 0;
            while start < piece.bytes.len() {
                let size = usize::try_from(size().max(1)).unwrap_or(usize::MAX);
                let end = start.saturating_add(size).min(piece.bytes.len());
                let bytes = piece.bytes.get(start..end).unwrap_or_default().to_vec();
                let own = data.end.min(end).saturating_sub(data.start.max(start));
                let time = piece.time.plus(Time::from_nanos(delay));
                cut.push(Chunk { time, said: piece.said, bytes, data: own });
                delay += BYTE * (end - start) as u64;
                start = end;
            }
        }
        self.pieces = cut;
        self.main = 0;
        self.pieces.len()
    }
}

/// A place inside a piece, or inside its data; `None`: there is none.
fn cut(chunk: &Chunk, data: bool, rng: &mut fastrand::Rng) -> Option<usize> {
    let span = if data { damage::span(chunk, true) } else { 0..chunk.bytes.len() };
    (span.start + 1 < span.end).then(|| rng.usize(span.start + 1..span.end))
}

/// Cuts a piece in two; gives the second.
fn split(chunk: &mut Chunk, at: usize) -> Chunk {
    let data = damage::span(chunk, true);
    let bytes = chunk.bytes.split_off(at.min(chunk.bytes.len()));
    let behind = data.end.saturating_sub(at.max(data.start));
    let (own, behind) = (chunk.data.saturating_sub(behind), behind.min(chunk.data));
    chunk.data = own;
    Chunk { time: chunk.time, said: chunk.said, bytes, data: behind }
}

/// What a fault adds of its own.
fn added(own: &mut Armed, time: Time, module: &Module) -> Option<Chunk> {
    let (bytes, data) = match own.fault.kind {
        Kind::Garbage => {
            let count = own.fault.bytes.unwrap_or(Amount::Within(8, 80)).draw(&mut own.rng);
            (damage::garbage(usize::try_from(count).unwrap_or_default().min(BACKLOG), &mut own.rng), 0)
        }
        Kind::Stray => {
            let line = own.fault.line.as_deref().unwrap_or(STRAY);
            (module.core.framed(Said::Urc, line.as_bytes(), true), 0)
        }
        _ => match &own.fault.line {
            Some(line) => (module.core.framed(Said::Urc, line.as_bytes(), true), 0),
            None => unsolicited::line(&module.core, &answers(module), &mut own.rng)?,
        },
    };
    Some(Chunk { time, said: Said::Urc, bytes, data })
}

/// Names of the lines that the newest command may answer with: a line that says such a thing unasked is taken for its answer.
fn answers(module: &Module) -> Vec<&str> {
    let catalog = module.catalog();
    let mut parts = Vec::new();
    command::parts(&module.last_line, &mut parts);
    let mut names = Vec::new();
    for part in parts {
        let name = module.last_line.get(part.name.clone()).unwrap_or_default();
        let Some(command) = catalog.command(name) else { continue };
        names.push(&*command.name);
        for form in command.forms.iter().flatten() {
            let lines = form.reply.iter().chain(&form.after).chain(&form.later);
            names.extend(lines.filter_map(|at| catalog.lines.get(*at as usize)).map(|line| &*line.name));
        }
    }
    names
}

/// The documented maximum of the newest command, in milliseconds.
fn longest(module: &Module) -> Option<u64> {
    let catalog = module.catalog();
    let mut parts = Vec::new();
    command::parts(&module.last_line, &mut parts);
    let part = parts.last()?;
    let command = catalog.command(module.last_line.get(part.name.clone())?)?;
    command.form(part.form)?.timeout
}

/// A result as a number.
fn numeric(chunk: &mut Chunk, module: &Module) -> Option<String> {
    let text = String::from_utf8_lossy(chunk.bytes.trim_ascii()).into_owned();
    let lines = module.catalog().lines.iter().filter(|line| line.role == Role::Result && *line.name == *text);
    let number = lines.filter_map(|line| line.numeric).next()?;
    chunk.bytes = format!("{number}\r").into_bytes();
    Some(format!("`{number}` in place of `{text}`"))
}

/// An error with a code that no table has.
fn code(chunk: &mut Chunk, module: &Module, rng: &mut fastrand::Rng) -> Option<String> {
    let text = String::from_utf8_lossy(chunk.bytes.trim_ascii()).into_owned();
    let name = match text.split_once(':') {
        Some((name, _)) => name.to_owned(),
        None if text == "ERROR" => "+CME ERROR".to_owned(),
        None => return None,
    };
    let catalog = module.catalog();
    let line =
        catalog.lines.iter().find(|line| line.role == Role::Result && line.code.is_some() && *line.name == *name)?;
    let table = catalog.param(line.code?).and_then(|spec| match spec.kind {
        crate::catalog::Kind::Code(table) => catalog.codes.get(usize::from(table)),
        _ => None,
    })?;
    let number = (0..64).map(|_| rng.i64(5000..30000)).find(|number| table.meaning(*number).is_none())?;
    chunk.bytes = module.core.framed(Said::Final, format!("{name}: {number}").as_bytes(), true);
    Some(format!("`{name}: {number}` in place of `{text}`"))
}
