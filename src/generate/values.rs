//! Values of a parameter after its description: valid ones, those on the edges of what is valid, and those that break a rule.
//!
//! Knows kinds, no vendor. Relations between parameters are the caller's matter: see [`crate::catalog::FormSpec::relations`].

use fastrand::Rng;

use super::item::Item;
use crate::catalog::{Catalog, Kind, Mac, ParamSpec, Quoted, Ranges, StateValue};
use crate::check::Rule;

/// Longest text that a random valid value has, where the manual allows more.
const USUAL: i64 = 24;

/// Longest text that an edge has; a manual that allows more is not tried out to its end.
pub const LONGEST: i64 = 4096;

/// A random valid value. Never [`Item::Omitted`].
pub fn valid(catalog: &Catalog, spec: &ParamSpec, rng: &mut Rng) -> Item {
    match &spec.kind {
        Kind::Bits => {
            let all = mask(spec);
            Item::Int(rng.i64(0..=all) & all)
        }
        Kind::Code(table) => {
            let table = catalog.codes.get(usize::from(*table));
            match table.and_then(|table| rng.choice(table.codes.iter())) {
                Some(&(low, high, _)) => Item::Int(rng.i64(low..=high)),
                None => match table.and_then(|table| rng.choice(table.words.iter())) {
                    Some((word, _)) => Item::from(&**word),
                    None => Item::Int(0),
                },
            }
        }
        Kind::Float => Item::Raw(format!("{}.{}", rng.u8(0..100), rng.u8(0..10)).into_bytes()),
        Kind::Hex(ranges) | Kind::Int(ranges) => {
            // A labelled value is what people send, where there are some.
            match rng.choice(spec.labels.iter()) {
                Some((StateValue::Int(number), _)) if ranges.contains(*number) && rng.bool() => Item::Int(*number),
                _ => Item::Int(within(ranges, 0, 1000, rng)),
            }
        }
        Kind::HexString(ranges) => Item::Text(hex(length(ranges, rng), rng)),
        Kind::Host(ranges) => match rng.bool() {
            true if ranges.contains(11) => Item::from("192.168.1.7"),
            _ => Item::Text(name(spec, length(ranges, rng).max(1), rng)),
        },
        Kind::Ip => Item::Text(format!("192.168.{}.{}", rng.u8(..), rng.u8(1..255)).into_bytes()),
        Kind::List => Item::Raw(b"(0-1)".to_vec()),
        Kind::Mac(wanted) => Item::Text(mac(*wanted, rng)),
        Kind::Numbers | Kind::Words => match rng.choice(spec.labels.iter()) {
            Some((StateValue::Int(number), _)) => Item::Int(*number),
            Some((StateValue::Word(word), _)) => Item::from(&**word),
            None => Item::Int(0),
        },
        Kind::Any | Kind::Data(_) => Item::from(i32::from(rng.u8(0..100))),
        Kind::String(ranges) | Kind::Text(ranges) => Item::Text(name(spec, length(ranges, rng), rng)),
    }
}

/// The values on the edges of what is valid: ends of ranges, shortest and longest text, each labelled value.
pub fn edges(spec: &ParamSpec) -> Vec<Item> {
    let mut rng = Rng::with_seed(7);
    let mut out: Vec<Item> = match &spec.kind {
        Kind::Bits => vec![Item::Int(0), Item::Int(mask(spec))],
        Kind::Hex(ranges) | Kind::Int(ranges) => ends(ranges, -1_000_000, 2_147_483_647).map(Item::Int).collect(),
        Kind::HexString(ranges) => lengths(ranges).into_iter().map(|len| Item::Text(hex(len, &mut rng))).collect(),
        Kind::Host(ranges) | Kind::String(ranges) | Kind::Text(ranges) => {
            let lengths = lengths(ranges).into_iter().filter(|len| *len > 0 || spec.starts.is_empty());
            lengths.map(|len| Item::Text(name(spec, len, &mut rng))).collect()
        }
        _ => Vec::new(),
    };
    out.extend(spec.labels.iter().filter(|_| !matches!(spec.kind, Kind::Bits)).map(|(value, _)| match value {
        StateValue::Int(number) => Item::Int(*number),
        StateValue::Word(word) => Item::from(&**word),
    }));
    out.dedup();
    out
}

/// Values that break exactly one rule about parameters, and the rule: `param-range`, `param-length` or `param-type`.
pub fn wrong(spec: &ParamSpec) -> Vec<(Rule, Item)> {
    let mut rng = Rng::with_seed(11);
    let mut out = Vec::new();
    let mut range = |item| out.push((Rule::ParamRange, item));
    match &spec.kind {
        Kind::Hex(ranges) | Kind::Int(ranges) if !ranges.0.is_empty() => {
            for &(low, high) in &ranges.0 {
                for outside in [low.checked_sub(1), high.checked_add(1)].into_iter().flatten() {
                    // Hexadecimal numbers have no sign.
                    if !ranges.contains(outside) && (outside >= 0 || matches!(spec.kind, Kind::Int(_))) {
                        range(Item::Int(outside));
                    }
                }
            }
        }
        Kind::Numbers => {
            let known = |number: i64| spec.labels.iter().any(|(value, _)| int(value) == Some(number));
            let most = spec.labels.iter().filter_map(|(value, _)| int(value)).max().unwrap_or_default();
            [most.saturating_add(1), -1].into_iter().filter(|number| !known(*number)).for_each(|n| range(Item::Int(n)));
        }
        Kind::Bits => range(Item::Int(mask(spec).saturating_add(1))),
        Kind::Words if spec.labels.iter().all(|(value, _)| int(value).is_none()) => range(Item::from("NEITHER")),
        Kind::Mac(Mac::Unicast) => range(Item::from("01:02:03:04:05:06")),
        Kind::Mac(Mac::Static) => range(Item::from("00:02:03:04:05:06")),
        Kind::String(_) | Kind::Text(_) if !spec.starts.is_empty() => range(Item::from("gopher://example.org/")),
        Kind::String(_) | Kind::Text(_) => {
            let high =
                spec.numbers.as_ref().and_then(|ranges| ranges.0.last()).and_then(|range| range.1.checked_add(1));
            if let Some(high) = high {
                range(Item::from(&*format!("0-{high}")));
            }
        }
        _ => {}
    }
    if let Kind::Host(ranges) | Kind::String(ranges) | Kind::Text(ranges) | Kind::HexString(ranges) = &spec.kind {
        for &(low, high) in &ranges.0 {
            for len in [low.checked_sub(1), high.checked_add(1)].into_iter().flatten() {
                // A text of no bytes without quotes is an omitted one.
                let least = i64::from(spec.quoted == Quoted::Never);
                if (least..=LONGEST).contains(&len) && !ranges.contains(len) && (spec.starts.is_empty() || len > 16) {
                    let text = match spec.kind {
                        Kind::HexString(_) => hex(len, &mut rng),
                        _ => name(spec, len, &mut rng),
                    };
                    out.push((Rule::ParamLength, Item::Text(text)));
                }
            }
        }
    }
    let wrong_type: Option<&[u8]> = match &spec.kind {
        Kind::Int(_) | Kind::Hex(_) | Kind::Numbers | Kind::Bits | Kind::Float => Some(b"x1"),
        Kind::Mac(_) => Some(b"\"12:34:56\""),
        Kind::Ip => Some(b"\"300.1.2\""),
        Kind::HexString(_) => Some(b"\"0g\""),
        Kind::Host(_) | Kind::String(_) | Kind::Words if spec.quoted == Quoted::Must => Some(b"bare"),
        _ => None,
    };
    out.extend(wrong_type.map(|raw| (Rule::ParamType, Item::Raw(raw.to_vec()))));
    out
}

/// The rule that a value breaks where it stands for a parameter; `None`: it is valid, or nobody can tell. A number stands without quotes.
pub fn breaks(catalog: &Catalog, spec: &ParamSpec, item: &Item) -> Option<Rule> {
    let (number, text, quoted) = match item {
        Item::Omitted => return None,
        Item::Int(number) => (Some(*number), item.text(), spec.quoted == Quoted::Must),
        Item::Raw(raw) => match raw.strip_prefix(b"\"") {
            Some(inner) => (item.int(), inner.strip_suffix(b"\"").unwrap_or(inner).into(), true),
            None => (item.int(), item.text(), false),
        },
        Item::Text(_) => (item.int(), item.text(), spec.quoted != Quoted::Never),
    };
    let within = |ranges: &Ranges, number: i64, rule: Rule| (!ranges.contains(number)).then_some(rule);
    let len = i64::try_from(text.len()).unwrap_or(i64::MAX);
    match &spec.kind {
        Kind::Int(ranges) => number.map_or(Some(Rule::ParamType), |number| within(ranges, number, Rule::ParamRange)),
        Kind::Hex(ranges) => {
            let number = number.or_else(|| crate::syntax::value::hexadecimal(&text));
            number.map_or(Some(Rule::ParamType), |number| within(ranges, number, Rule::ParamRange))
        }
        Kind::Numbers => match number {
            Some(number) if spec.labels.iter().any(|(own, _)| int(own) == Some(number)) => None,
            Some(_) => Some(Rule::ParamRange),
            None => Some(Rule::ParamType),
        },
        Kind::Bits => match number {
            Some(number) if number >= 0 && number & !mask(spec) == 0 => None,
            Some(_) => Some(Rule::ParamRange),
            None => Some(Rule::ParamType),
        },
        Kind::Code(table) => {
            let table = catalog.codes.get(usize::from(*table))?;
            let known = number.map_or(!table.words.is_empty(), |number| table.meaning(number).is_some());
            (!known).then_some(Rule::UndocumentedCode)
        }
        Kind::Words => {
            if !quoted && spec.quoted == Quoted::Must {
                return Some(Rule::ParamType);
            }
            let known = spec.labels.iter().any(|(own, _)| match own {
                StateValue::Word(word) => word.as_bytes().eq_ignore_ascii_case(&text),
                StateValue::Int(own) => number == Some(*own),
            });
            (!known).then_some(Rule::ParamRange)
        }
        Kind::Ip => (!crate::syntax::value::is_ip(&text)).then_some(Rule::ParamType),
        Kind::Mac(_) => crate::syntax::value::mac(&text).is_none().then_some(Rule::ParamType),
        Kind::HexString(ranges) => match crate::syntax::value::hex_len(&text) {
            Some(len) => within(ranges, i64::try_from(len).unwrap_or(i64::MAX), Rule::ParamLength),
            None => Some(Rule::ParamType),
        },
        Kind::Host(ranges) | Kind::String(ranges) | Kind::Text(ranges) => {
            if !quoted && spec.quoted == Quoted::Must && !matches!(item, Item::Text(_)) {
                return Some(Rule::ParamType);
            }
            let begins =
                |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()));
            if !spec.starts.is_empty() && !spec.starts.iter().any(|start| begins(start)) {
                return Some(Rule::ParamRange);
            }
            if !spec.numbers_fit(&text) {
                return Some(Rule::ParamRange);
            }
            within(ranges, len, Rule::ParamLength)
        }
        Kind::Float => crate::syntax::value::float(&text).is_none().then_some(Rule::ParamType),
        Kind::Any | Kind::Data(_) | Kind::List => None,
    }
}

/// The value that a module has before anybody set one: the manual's default, else the first that is valid.
pub fn usual(catalog: &Catalog, spec: &ParamSpec) -> Item {
    let default = spec.default.as_ref().map(|value| match value {
        StateValue::Int(number) => Item::Int(*number),
        StateValue::Word(word) => Item::from(&**word),
    });
    default.unwrap_or_else(|| match &spec.kind {
        Kind::Bits => Item::Int(0),
        Kind::Hex(ranges) | Kind::Int(ranges) => {
            let low = ranges.0.first().map_or(0, |&(low, high)| if low == i64::MIN { high.min(0) } else { low });
            Item::Int(if ranges.contains(0) { 0 } else { low })
        }
        Kind::Numbers | Kind::Words => match spec.labels.first() {
            Some((StateValue::Word(word), _)) => Item::from(&**word),
            Some((StateValue::Int(number), _)) => Item::Int(*number),
            None => Item::Int(0),
        },
        Kind::Ip => Item::from("0.0.0.0"),
        Kind::Mac(_) => Item::from("1a:fe:34:a1:b2:c3"),
        Kind::String(ranges) if ranges.contains(0) => Item::from(""),
        _ => valid(catalog, spec, &mut Rng::with_seed(u64::from(spec.name_id))),
    })
}

/// What a test command prints for a parameter: `(0-3)`, `(0,2)`, `("TCP","UDP")`.
pub fn range_list(spec: &ParamSpec) -> String {
    let range = |&(low, high): &(i64, i64)| match (low, high) {
        (low, high) if low == high => low.to_string(),
        (i64::MIN, high) => format!("0-{}", high.max(0)),
        (low, i64::MAX) => format!("{low}-{}", i32::MAX),
        (low, high) => format!("{low}-{high}"),
    };
    let parts: Vec<String> = match &spec.kind {
        Kind::Int(ranges) | Kind::Hex(ranges) => ranges.0.iter().map(range).collect(),
        Kind::Bits => vec![format!("0-{}", mask(spec))],
        Kind::Numbers => {
            let mut numbers: Vec<i64> = spec.labels.iter().filter_map(|(value, _)| int(value)).collect();
            numbers.sort_unstable();
            let dense = numbers.windows(2).all(|pair| matches!(pair, [a, b] if a + 1 == *b)) && numbers.len() > 2;
            match (numbers.first(), numbers.last()) {
                (Some(low), Some(high)) if dense => vec![range(&(*low, *high))],
                _ => numbers.iter().map(i64::to_string).collect(),
            }
        }
        Kind::Words => {
            let words = spec.labels.iter().filter_map(|(value, _)| match value {
                StateValue::Word(word) => Some(format!("\"{word}\"")),
                StateValue::Int(_) => None,
            });
            words.collect()
        }
        _ => Vec::new(),
    };
    format!("({})", parts.join(","))
}

fn int(value: &StateValue) -> Option<i64> {
    match value {
        StateValue::Int(number) => Some(*number),
        StateValue::Word(_) => None,
    }
}

fn mask(spec: &ParamSpec) -> i64 {
    spec.labels
        .iter()
        .filter_map(|(bit, _)| int(bit))
        .filter(|bit| (0..=62).contains(bit))
        .fold(0, |all, bit| all | 1 << bit)
}

/// A number of some range; where a range is open, within `least..=most` of its closed end.
fn within(ranges: &Ranges, least: i64, most: i64, rng: &mut Rng) -> i64 {
    match rng.choice(ranges.0.iter()) {
        None => rng.i64(least..=most),
        Some(&(i64::MIN, high)) => rng.i64(high.saturating_sub(most)..=high),
        Some(&(low, i64::MAX)) => rng.i64(low..=low.saturating_add(most)),
        Some(&(low, high)) => rng.i64(low..=high),
    }
}

fn ends(ranges: &Ranges, least: i64, most: i64) -> impl Iterator<Item = i64> {
    let all = if ranges.0.is_empty() { vec![(least, most)] } else { ranges.0.clone() };
    all.into_iter().flat_map(move |(low, high)| [low.max(least), high.min(most)])
}

fn lengths(ranges: &Ranges) -> Vec<i64> {
    let mut lengths: Vec<i64> = ends(ranges, 0, 256).map(|len| len.min(LONGEST)).collect();
    lengths.retain(|len| ranges.contains(*len));
    lengths.dedup();
    lengths
}

fn length(ranges: &Ranges, rng: &mut Rng) -> i64 {
    let len = within(ranges, 1, USUAL, rng);
    // A short one, if that is as valid.
    let short = len.min(USUAL);
    if ranges.contains(short) { short.max(0) } else { len.clamp(0, LONGEST) }
}

fn hex(len: i64, rng: &mut Rng) -> Vec<u8> {
    (0..len.max(0) * 2).map(|_| *rng.choice(b"0123456789abcdef").unwrap_or(&b'0')).collect()
}

/// Text of so many bytes, which starts as its description says.
fn name(spec: &ParamSpec, len: i64, rng: &mut Rng) -> Vec<u8> {
    let len = usize::try_from(len).unwrap_or_default();
    let mut text: Vec<u8> = rng.choice(spec.starts.iter()).map(|start| start.as_bytes().to_vec()).unwrap_or_default();
    let least = text.len();
    if !text.is_empty() {
        text.extend_from_slice(b"example.org/");
    }
    let letters: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let letters = letters.get(..if spec.numbers.is_some() { 26 } else { letters.len() }).unwrap_or(letters);
    while text.len() < len {
        text.push(*rng.choice(letters).unwrap_or(&b'a'));
    }
    // A start that the manual wants is worth more than a length.
    text.truncate(len.max(least));
    // Text without quotes that reads as a number is one.
    if let Some(first) = text.first_mut().filter(|first| first.is_ascii_digit()) {
        *first = b'n';
    }
    text
}

fn mac(wanted: Mac, rng: &mut Rng) -> Vec<u8> {
    let first = match wanted {
        Mac::Static => 0xC0 | rng.u8(0..0x3F),
        Mac::Any | Mac::Unicast => 0x18,
    };
    let rest = [rng.u8(1..), rng.u8(..), rng.u8(..), rng.u8(..), rng.u8(..)];
    let bytes = std::iter::once(first).chain(rest);
    bytes.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":").into_bytes()
}
