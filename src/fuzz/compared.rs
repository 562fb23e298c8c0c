//! The laws of comparisons: a recording does not differ from itself, and what the same two say does not hang on who asks.

use std::sync::Arc;

use super::Conversation;
use crate::check::{Analyzer, Finding, Sink};
use crate::diff::{Pools, Recorder, Recording, Side, compare};
use crate::session::Event;

struct Tap<'p>(Recorder, &'p mut Pools);

impl Sink for Tap<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.0.event(self.1, event, None);
    }

    fn finding(&mut self, finding: &Finding) {
        self.0.finding(finding, finding.rule.severity(), None);
    }
}

/// Compares two conversations: the two halves of `data`, each in the form of [`Conversation::from_bytes`], cut at the first NUL behind the
/// middle.
///
/// # Panics
/// If a law is broken.
pub fn compared(data: &[u8]) {
    let middle = data.len() / 2;
    let at = memchr::memchr(0, data.get(middle..).unwrap_or_default()).map_or(middle, |at| middle + at);
    let (old, new) = data.split_at_checked(at).unwrap_or((data, &[]));
    let (old, _) = Conversation::from_bytes(old);
    let (new, _) = Conversation::from_bytes(new);
    let new = Conversation { catalog: Arc::clone(&old.catalog), options: old.options.clone(), ..new };
    let itself = told(&old, &old);
    assert_eq!(itself, "[]", "a recording differs from itself:\n{old:?}");
    assert_eq!(told(&old, &new), told(&old, &new), "compared twice, it is something else");
}

/// The differences as JSON.
fn told(old: &Conversation, new: &Conversation) -> String {
    let mut pools = Pools::default();
    let (old, new) = (record(&mut pools, old), record(&mut pools, new));
    let (old, new) = (Side::new(&pools, vec![old]), Side::new(&pools, vec![new]));
    serde_json::to_string(&compare(&pools, &old, &new).list).expect("differences are JSON")
}

fn record(pools: &mut Pools, conversation: &Conversation) -> Recording {
    let mut analyzer = Analyzer::new(Arc::clone(&conversation.catalog), conversation.options.clone());
    let mut tap = Tap(Recorder::new("fuzz".to_owned()), pools);
    for chunk in &conversation.chunks {
        analyzer.push(chunk.from, chunk.time, &chunk.bytes, &[], &mut tap);
    }
    analyzer.finish(&mut tap);
    let Tap(recorder, pools) = tap;
    recorder.finish(pools, &conversation.catalog.name)
}
