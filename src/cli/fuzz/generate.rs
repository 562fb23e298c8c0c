//! `atscope fuzz gen`: a seed corpus out of a catalog.

use std::fs;
use std::sync::Arc;

use super::super::dialect::{self, Catalogs};
use super::super::failure::{Failure, suggestion};
use super::super::out::Out;
use super::super::{FINE, interrupt};
use super::args::{Form, Gen};
use super::input;
use crate::catalog::Catalog;
use crate::generate::{Generator, Seed};

/// Writes the corpus, and says what it reaches.
pub(super) fn generate(args: &Gen, out: &Out) -> Result<u8, Failure> {
    let catalog = Catalogs::new(&[])?.named(&args.dialect)?;
    let model = args.model.as_deref().map(|name| dialect::model(&catalog, name)).transpose().map_err(Failure::Said)?;
    let profiles: Vec<Option<&str>> = match &args.profile {
        Some(profile) => vec![Some(profile)],
        None => {
            let told = catalog.profiles.iter().filter(|profile| !profile.tells.is_empty());
            std::iter::once(None).chain(told.map(|profile| Some(&*profile.name))).collect()
        }
    };
    fs::create_dir_all(&args.output).map_err(|error| Failure::Said(format!("{}: {error}", args.output.display())))?;
    interrupt::watch();
    let mut written = 0;
    let mut reached = std::collections::BTreeSet::new();
    for (at, profile) in profiles.iter().enumerate() {
        let generator = generator(Arc::clone(&catalog), model.as_deref(), *profile)?;
        // What the manual prints comes first; a firmware generation adds what it prints otherwise.
        let left = args.count.saturating_sub(written);
        let share = if at == 0 { left.div_ceil(2).max(left / profiles.len()) } else { left / (profiles.len() - at) };
        let share = if profiles.len() == 1 { left } else { share };
        for seed in generator.corpus(share, args.seed.wrapping_add(at as u64)) {
            let name = match profile {
                Some(profile) => format!("{written:04}-{profile}-{}", seed.name),
                None => format!("{written:04}-{}", seed.name),
            };
            let end = if args.form == Form::At { ".at" } else { "" };
            input::write(&args.output.join(format!("{name}{end}")), &bytes(&seed, args.form)?)?;
            reached.extend(seed.reaches);
            written += 1;
            if interrupt::asked() {
                return Ok(interrupt::INTERRUPTED);
            }
        }
    }
    let count = |kind: &str| reached.iter().filter(|own| own.starts_with(kind)).count();
    out.note(&format!(
        "{written} inputs reach {} forms, {} responses, {} results, {} unsolicited lines, {} kinds of violation and {} habits of firmware",
        count("form "),
        count("response "),
        count("final "),
        count("urc "),
        count("rule "),
        count("habit "),
    ));
    Ok(FINE)
}

/// A generator for a product and a firmware generation.
pub(super) fn generator(
    catalog: Arc<Catalog>,
    model: Option<&str>,
    profile: Option<&str>,
) -> Result<Generator, Failure> {
    let known: Vec<String> = catalog.profiles.iter().map(|profile| profile.name.to_string()).collect();
    let name = catalog.name.clone();
    Generator::with(catalog, model, profile).ok_or_else(|| {
        let own = profile.unwrap_or_default();
        let hint = suggestion(own, known.iter().map(String::as_str));
        Failure::said(format!("{name} has no firmware profile `{own}`{hint}: it has {}", known.join(", ")))
    })
}

/// A seed in a form.
fn bytes(seed: &Seed, form: Form) -> Result<Vec<u8>, Failure> {
    Ok(match form {
        Form::At => seed.script.to_transcript().into_bytes(),
        Form::Stream => seed.script.module_bytes(),
        Form::Conversation => {
            let text = seed.script.to_transcript();
            let read = crate::mutate::form::Conversation::from_transcript(&seed.name, text.as_bytes());
            read.map_err(|error| Failure::Said(error.to_string()))?.to_bytes()
        }
    })
}
