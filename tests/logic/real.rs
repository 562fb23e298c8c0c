//! Real captures: `ATSCOPE_CAPTURES` names a folder of folders with `.sr` files.

#![allow(clippy::print_stderr)]

use std::fs;
use std::io::Read;
use std::path::PathBuf;

use atscope::capture::{Input, Options, open_levels};

use crate::{drain, naive};

fn captures() -> Vec<PathBuf> {
    let Ok(folder) = std::env::var("ATSCOPE_CAPTURES") else {
        eprintln!("skipped: ATSCOPE_CAPTURES names no folder of captures");
        return Vec::new();
    };
    let folders = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.filter(|path| path.is_dir()).flat_map(|path| fs::read_dir(path).unwrap());
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "sr"));
    files.sort();
    assert!(!files.is_empty());
    files
}

#[test]
fn as_sample_by_sample() {
    for path in captures() {
        let input = Input::of_path(&path).unwrap();
        let got = drain(&mut *open_levels("real", input, &Options::default()).unwrap());
        assert_eq!(got.end, None, "{}", path.display());
        let mut zip = zip::ZipArchive::new(fs::File::open(&path).unwrap()).unwrap();
        let mut text = String::new();
        zip.by_name("metadata").unwrap().read_to_string(&mut text).unwrap();
        let probes: Vec<(usize, String)> = text
            .lines()
            .filter_map(|line| line.strip_prefix("probe")?.split_once('='))
            .map(|(number, name)| (number.trim().parse::<usize>().unwrap() - 1, name.trim().to_owned()))
            .collect();
        assert_eq!(got.names(), probes.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>());
        let name =
            zip.file_names().map(|name| name.unwrap().into_owned()).find(|name| name.starts_with("logic-1")).unwrap();
        let mut samples = Vec::new();
        zip.by_name(&name).unwrap().read_to_end(&mut samples).unwrap();
        let bits: Vec<usize> = probes.iter().map(|(bit, _)| *bit).collect();
        assert!(got.changes == naive(&samples, 1, &bits), "{}", path.display());
        assert_eq!(got.until[0], samples.len() as u64);
    }
}
