//! The laws of mutations, for the fuzz target and the tests.

use std::cell::RefCell;

use super::form::{Conversation, InputForm};
use super::parse::{From, Parser};
use super::{Mutator, Options, features, kit};

/// Mutates, crosses and takes apart: the limit holds, the same seed gives the same, pieces tile the input, and both forms
/// keep what they hold.
///
/// `data`: two bytes for the limit, one for form and dialect, one for the seed; then an input.
///
/// # Panics
/// If a law is broken.
pub fn laws(data: &[u8]) {
    let (&[low, high, which, seed], input) = data.split_first_chunk().unwrap_or((&[64, 0, 0, 1], data));
    let max = usize::from(u16::from_le_bytes([low, high])) % 8192;
    let form = if which & 1 == 0 { InputForm::Stream } else { InputForm::Conversation };
    let names = crate::catalog::builtin_names();
    let dialect = names.get(usize::from(which >> 1) % (names.len() + 1)).map(|&name| name.to_owned());
    let options = Options { dialect, form, ..Options::default() };
    tiles(&options, input);
    forms(input);
    thread_local! {
        // The catalogs are ready once.
        static READY: RefCell<Vec<(Options, Mutator)>> = const { RefCell::new(Vec::new()) };
    }
    READY.with_borrow_mut(|ready| {
        let at = ready.iter().position(|(known, _)| *known == options).unwrap_or_else(|| {
            let mutator = Mutator::new(&options).expect("the built-in dialects are sound");
            ready.push((options.clone(), mutator));
            ready.len() - 1
        });
        let Some((_, mutator)) = ready.get_mut(at) else { return };
        let seed = u64::from(seed);
        let one = mutator.mutate(input, max, seed).to_vec();
        assert!(one.len() <= max, "{} bytes of {max}", one.len());
        let crossed = mutator.cross(input, &one, max, seed).to_vec();
        assert!(crossed.len() <= max, "{} bytes of {max}", crossed.len());
        assert_eq!(mutator.mutate(input, max, seed), one, "the same seed gives something else");
        assert_eq!(mutator.cross(input, &one, max, seed), crossed, "the same seed gives something else");
        assert!(mutator.compose(max, seed).len() <= max);
        forms(&one);
    });
}

/// Pieces tile the input, whatever it is.
fn tiles(options: &Options, input: &[u8]) {
    let kit = kit(options).expect("the built-in dialects are sound");
    let mut pieces = Vec::new();
    for dialect in &kit.dialects {
        pieces.clear();
        Parser::default().parse(&dialect.catalog, options.form, input, From::Input, &mut pieces);
        let mut end = 0;
        for piece in &pieces {
            assert!(piece.start < piece.end, "an empty piece");
            // A turn mark is printed anew: it belongs to no piece.
            let between = input.get(end as usize..piece.start as usize).expect("pieces are in order");
            assert!(between.iter().all(|byte| matches!(*byte, 0xFD | 0xFE)), "pieces leave {between:?} out");
            assert!(options.form == InputForm::Conversation || between.is_empty(), "pieces leave {between:?} out");
            end = piece.end;
        }
        let left = input.get(end as usize..).unwrap_or_default();
        assert!(
            left.iter().all(|byte| matches!(*byte, 0xFD | 0xFE))
                && (left.is_empty() || options.form == InputForm::Conversation)
        );
        let _ = features::features(&dialect.catalog, options.form, input);
    }
}

/// Both forms keep what they hold.
fn forms(input: &[u8]) {
    let conversation = Conversation::from_bytes(input);
    assert_eq!(Conversation::from_bytes(&conversation.to_bytes()), conversation, "the binary form loses something");
    #[cfg(feature = "capture")]
    {
        let text = conversation.to_transcript();
        let back = Conversation::from_transcript("fuzz.at", &text).expect("a transcript of our own reads");
        // The reader keeps the epoch apart from the other headers, and has limits for these.
        assert_eq!(back.chunks, conversation.chunks, "a transcript loses something");
    }
    assert_eq!(Conversation::of_stream(input).to_stream(), input, "a stream loses something");
}
