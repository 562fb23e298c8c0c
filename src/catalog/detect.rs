//! Which dialect is it? Told from traffic, with the reason.

use std::sync::Arc;

use super::model::{Catalog, Pattern, Role};

/// What was told from traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The dialect's name.
    pub dialect: String,
    /// Why: what spoke for it.
    pub why: String,
}

/// Tells the dialect from the start of both directions' traffic; `None` where nothing speaks for any of `candidates`.
///
/// A command or line counts for a dialect if it knows it, and more if few others do: `AT+CSQ` tells little,
/// `AT+CWJAP` tells much. Between equals the earlier candidate wins.
pub fn detect(candidates: &[Arc<Catalog>], host: &[u8], module: &[u8]) -> Option<Detection> {
    let mut scores: Vec<(u64, Vec<String>)> = vec![(0, Vec::new()); candidates.len()];
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let host_lines = lines(host).filter_map(|line| Some((command_name(line)?, true)));
    let module_lines = lines(module).map(|line| match command_name(line) {
        Some(echo) => (echo, true),
        None => (line_name(line), false),
    });
    for (name, command) in host_lines.chain(module_lines) {
        let name = name.to_ascii_uppercase();
        if name.is_empty() || seen.contains(&name) || seen.len() > 500 {
            continue;
        }
        let knows: Vec<bool> = candidates.iter().map(|catalog| knows(catalog, &name, command)).collect();
        let among = knows.iter().filter(|&&known| known).count() as u64;
        let tell = |catalog: &Catalog| catalog.tells.iter().any(|tell| starts(&name, command, tell.as_bytes()));
        for ((known, catalog), (score, why)) in knows.into_iter().zip(candidates).zip(&mut scores) {
            let told = tell(catalog);
            if !known && !told {
                continue;
            }
            *score += 12 / among.max(1) + if told { 24 } else { 0 };
            if (told || among <= 2) && why.len() < 3 {
                let text = String::from_utf8_lossy(&name).into_owned();
                why.push(if command { format!("AT{text}") } else { text });
            }
        }
        seen.push(name);
    }
    let best = scores.iter().map(|score| score.0).max().filter(|&best| best > 0)?;
    let at = scores.iter().position(|score| score.0 == best)?;
    let (catalog, (_, why)) = (candidates.get(at)?, scores.get(at)?);
    let why = if why.is_empty() { "only common commands".to_owned() } else { why.join(", ") };
    Some(Detection { dialect: catalog.name.to_string(), why })
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&b| b == b'\r' || b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

/// `+CWJAP` of `AT+CWJAP=…`.
fn command_name(line: &[u8]) -> Option<&[u8]> {
    let (at, rest) = line.split_at_checked(2)?;
    if !at.eq_ignore_ascii_case(b"AT") || !rest.first().is_some_and(|b| b"+*^$%#&".contains(b)) {
        return None;
    }
    let end = rest.iter().position(|b| b"=?;".contains(b)).unwrap_or(rest.len());
    rest.get(..end).map(<[u8]>::trim_ascii_end)
}

fn line_name(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|b| b":,=".contains(b)).unwrap_or(line.len()).min(48);
    line.get(..end).unwrap_or_default().trim_ascii_end()
}

fn starts(name: &[u8], command: bool, tell: &[u8]) -> bool {
    let tell = match (command, tell.get(..2)) {
        (true, Some(at)) if at.eq_ignore_ascii_case(b"AT") => tell.get(2..).unwrap_or_default(),
        (true, _) => return false,
        (false, _) => tell,
    };
    !tell.is_empty() && name.get(..tell.len()).is_some_and(|start| start.eq_ignore_ascii_case(tell))
}

fn knows(catalog: &Catalog, name: &[u8], command: bool) -> bool {
    if command {
        return catalog.find_command(name).is_some();
    }
    catalog.line_index.find(name).iter().any(|&at| {
        catalog
            .lines
            .get(at as usize)
            .is_some_and(|line| line.role != Role::Result && !matches!(line.pattern, Pattern::Free { .. }))
    })
}
