//! Bare samples.

use atscope::capture::{Format, Options};
use proptest::prelude::*;

use crate::{naive, rate, try_read};

#[test]
fn the_user_says_what_they_are() {
    let data = [0x00, 0x80, 0x01, 0x80, 0x01, 0x00, 0xFF];
    let options = Options { samplerate: Some(1_000_000), unit_size: Some(2), ..Options::default() };
    let got = try_read(&data, &options).unwrap();
    assert_eq!(got.channels.len(), 16);
    assert_eq!((got.shown(0), got.shown(15)), ("0@0 1@1".to_owned(), "1@0 0@2".to_owned()));
    assert_eq!(got.channels[3].clock, rate(1_000_000));
    assert_eq!(got.notes, ["the last sample is not whole: check --unit-size"]);
    let forced = Options { format: Some(Format::Samples), ..Options::default() };
    let error = try_read(&data, &forced).unwrap_err().to_string();
    assert!(error.contains("say it with --samplerate"), "{error}");
    let wide = Options { unit_size: Some(9), ..options };
    assert!(try_read(&data, &wide).unwrap_err().to_string().contains("1 to 8"));
}

proptest! {
    #[test]
    fn as_sample_by_sample(
        unit in 1usize..=8,
        runs in prop::collection::vec((any::<[u8; 8]>(), 0usize..300), 1..60),
    ) {
        let data: Vec<u8> =
            runs.iter().flat_map(|(sample, run)| (0..=*run).flat_map(move |_| sample[..unit].to_vec())).collect();
        let options = Options { samplerate: Some(1000), unit_size: Some(unit as u8), ..Options::default() };
        let forced = Options { format: Some(Format::Samples), ..options };
        let got = try_read(&data, &forced).unwrap();
        let bits: Vec<usize> = (0..unit * 8).collect();
        prop_assert_eq!(&got.changes, &naive(&data, unit, &bits));
        prop_assert!(got.until.iter().all(|until| *until == (data.len() / unit) as u64));
    }
}
