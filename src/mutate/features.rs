//! What an input has in it, for reducing a corpus: commands, lines, results, shapes, payloads, rules that it draws.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::form::{Conversation, InputForm};
use crate::catalog::Catalog;
use crate::check::{Analyzer, Finding, Sink};
use crate::session::{Event, EventKind, Options, Value};

/// Takes down what a conversation has in it.
#[derive(Default)]
struct Features {
    found: BTreeSet<u64>,
    last: u64,
}

fn key(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Sink for Features {
    fn event(&mut self, event: &Event<'_>) {
        let name: Vec<u8> = match &event.kind {
            EventKind::Final { result, .. } => result.as_bytes().to_vec(),
            EventKind::Payload { of, .. } => of.as_bytes().to_vec(),
            _ => event.name().map(|name| name.as_bytes().to_ascii_uppercase()).unwrap_or_default(),
        };
        let form = if let EventKind::Command { form, .. } = &event.kind { form.as_str() } else { "" };
        let own = key((event.kind.as_str(), &name, form));
        let shape: Vec<u8> = event.params().map_or_else(Vec::new, |params| {
            let kinds = params.iter().take(16).map(|param| match param.value() {
                Value::Omitted => 0,
                Value::Broken => 1,
                Value::Int(number) => 2 + u8::from(number < 0),
                Value::Float(_) => 4,
                Value::Text(text) => 5 + u8::from(text.is_empty()) + 2 * u8::from(text.len() > 32),
            });
            kinds.collect()
        });
        self.found.insert(own);
        self.found.insert(key((own, shape)));
        self.found.insert(key((own, "after", self.last)));
        if let EventKind::Payload { declared, .. } = &event.kind {
            let size = event.bytes.len() as u64;
            self.found.insert(key((own, size.checked_ilog2(), declared.map(|declared| declared.cmp(&size)))));
        }
        self.last = own;
    }

    fn finding(&mut self, finding: &Finding) {
        self.found.insert(key(("rule", finding.rule.name())));
    }
}

/// Hashes of all that an input has in it: two inputs with the same ones look alike to the decoder.
pub fn features(catalog: &Arc<Catalog>, form: InputForm, input: &[u8]) -> BTreeSet<u64> {
    let conversation = match form {
        InputForm::Stream => Conversation::of_stream(input),
        InputForm::Conversation => Conversation::from_bytes(input),
    };
    let options = Options { echoes: form == InputForm::Stream, ..Options::default() };
    let mut analyzer = Analyzer::new(Arc::clone(catalog), options);
    let mut sink = Features::default();
    for chunk in &conversation.chunks {
        analyzer.push(chunk.from, chunk.time, &chunk.bytes, &[], &mut sink);
    }
    analyzer.finish(&mut sink);
    sink.found
}
