#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
use proptest::prelude::*;
use toml::de::{DeTable, DeValue};

use super::*;

/// Every kind of value, key and table.
const SAMPLE: &str = r#"# comment
a = 1
"quoted key" = "x\ty\u00e4\\" # behind
'literal' = 'C:\x'
b.c.d = 0x1F
b.c.e = +1_000
f = [1, 2.5e-3, inf, [ "a", # inside
  "b", ], {x = 1, y.z = true}, ]
long = """
one \
   two "" "three""""
other = '''
it's''''
[t]
x = 0b101
[t.u.v]
[t.u]
w = 0o17
[[list]]
n = 1
[list.sub]
m = {}
[[list]]
[[list.inner]]
k = nan
"#;

fn theirs(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(items) => items.iter().map(|item| theirs(item.get_ref())).collect::<Vec<_>>().join(",") + ";",
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(_) => "DATE".to_owned(),
        DeValue::Float(number) => format!("float {}", number.as_str()),
        DeValue::Integer(number) if number.as_str().is_empty() => "BARE".to_owned(),
        DeValue::Integer(number) => format!("{:?}", i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Table(table) => their_table(table),
    }
}

fn their_table(table: &DeTable<'_>) -> String {
    let entries = table.iter().map(|(key, value)| (key.span().start, key.get_ref().as_ref(), theirs(value.get_ref())));
    shown(entries.collect())
}

fn ours(value: Ref<'_>) -> String {
    match value.value() {
        Value::Array(items) => items.map(ours).collect::<Vec<_>>().join(",") + ";",
        Value::Date => "DATE".to_owned(),
        Value::Flag(flag) => flag.to_string(),
        Value::Float(text) => format!("float {text}"),
        Value::Int(number) => format!("{number:?}"),
        Value::Table(keys) => shown(keys.map(|(key, at, value)| (at, key, ours(value))).collect()),
        Value::Text(text) => format!("{text:?}"),
    }
}

fn shown(mut entries: Vec<(usize, &str, String)>) -> String {
    entries.sort_by_key(|entry| (entry.1.to_owned(), entry.0));
    let entries = entries.into_iter().map(|(at, key, value)| format!("{at}:{key:?}={value}"));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

/// What both say of a text: the tree, or nothing where it is no TOML.
fn both(text: &str) -> (Option<String>, Option<String>) {
    let tree = Tree::parse(text);
    let own = tree.as_ref().ok().map(|tree| ours(tree.root()));
    (own, DeTable::parse(text).ok().map(|table| their_table(table.get_ref())))
}

#[test]
fn trees_are_those_of_the_toml_crate() {
    let (ours, theirs) = both(SAMPLE);
    assert!(ours.is_some());
    assert_eq!(ours, theirs);
    let (ours, theirs) = both("date = 1979-05-27T07:32:00.5Z\nparted = 1979-05-27 07:32\ntime = 07:32:00");
    assert!(ours.is_some());
    assert_eq!(ours, theirs);
    for name in crate::catalog::builtin_names() {
        let (ours, theirs) = both(crate::catalog::builtin_text(name).unwrap().1);
        assert!(ours.is_some() && ours == theirs, "{name}");
    }
}

#[test]
fn mistakes_have_their_place() {
    for (text, at, message) in [
        ("a = 1\na = 2", 6, "duplicate key"),
        ("a = ", 4, "string values must be quoted, expected literal string"),
        ("a = x", 4, "string values must be quoted, expected literal string"),
        ("[a]\n[a]", 5, "duplicate key"),
        ("a = {b = 1}\na.c = 2", 12, "this key has its value already, and no more keys can go into it"),
        ("a = \"x", 6, "invalid basic string, expected `\"`"),
        ("a = [1, 2", 9, "unclosed array, expected `]`"),
        ("a = 0x", 4, "invalid hexadecimal number"),
        ("= 1", 0, "unquoted keys cannot be empty, expected letters, numbers, `-`, `_`"),
        ("a = 1 # x\nb = \"\" c = 2", 17, "unexpected key or value, expected a line end, `#`"),
        ("# \u{7}", 2, "invalid comment character, expected printable characters"),
        ("a = 1\r", 6, "carriage return must be followed by newline, expected a line end"),
        // Only the first mistake is named.
        ("[a\n= 1\nb = \"\\q\"", 2, "unclosed table, expected `]`"),
    ] {
        let wrong = Tree::parse(text).map(|_| ()).unwrap_err();
        assert_eq!((wrong.at, wrong.message.as_str()), (at, message), "{text}");
    }
}

#[test]
fn nesting_ends() {
    let nested = |levels| format!("a = {}{}", "[".repeat(levels), "]".repeat(levels));
    let dotted = |parts: usize| format!("{}a = 1", "a.".repeat(parts - 1));
    for text in [nested(80), dotted(80)] {
        assert!(Tree::parse(&text).is_ok());
    }
    let deeper = [nested(81), nested(100_000), format!("a = {}", "{ b = ".repeat(100_000)), dotted(81)];
    for text in deeper {
        assert_eq!(Tree::parse(&text).unwrap_err().message, "values are nested too deep");
    }
    // Each `{}` without a key closes a table that was not open: the `toml` crate loses count, and overflows its stack.
    let uncounted = format!("a = {{{} b = {}", "{}".repeat(100_000), "[".repeat(100_000));
    assert_eq!(Tree::parse(&uncounted).unwrap_err().at, 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn agrees_with_the_toml_crate(edits in prop::collection::vec((0..SAMPLE.len(), 0..3_usize, 0..40_usize), 1..4)) {
        let alphabet = b"ab1_-+.=,\"'[]{}#\\ \t\r\n:eExu0\x07\x7FTZ\xC3\xA4";
        let mut text = SAMPLE.as_bytes().to_vec();
        for (at, kind, pick) in edits {
            let at = at.min(text.len() - 1);
            let byte = alphabet[pick % alphabet.len()];
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => drop(text.remove(at)),
            }
        }
        if let Ok(text) = std::str::from_utf8(&text) {
            let (ours, theirs) = both(text);
            // Dates are not looked at closely here, nor `0x` there.
            let has = |tree: &Option<String>, word| tree.as_ref().is_some_and(|tree| tree.contains(word));
            let lax = (theirs.is_none() && has(&ours, "DATE")) || (ours.is_none() && has(&theirs, "BARE"));
            prop_assert!(ours == theirs || lax, "{ours:?}\n{theirs:?}\n{text}");
        }
    }
}
