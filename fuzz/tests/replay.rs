//! Every target over its corpus, without any fuzzer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ganglion_fuzz::{TARGETS, run, seeds, target};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries =
        std::fs::read_dir(folder).unwrap_or_else(|_| panic!("{} is missing", folder.display()));
    entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())
        })
        .collect()
}

/// Every file below a folder.
fn walk(folder: &Path, out: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, out);
        } else {
            out.insert(path);
        }
    }
}

#[test]
fn every_kept_input_holds() {
    let mut left = BTreeSet::new();
    walk(&corpus(), &mut left);
    for target in TARGETS {
        let files = files(&corpus().join(target.name));
        assert!(!files.is_empty(), "{} has no input", target.name);
        for (name, bytes) in files {
            // The name of the file is what one needs if this ends in an abort.
            eprintln!("{}/{name}", target.name);
            run(target, &bytes);
            left.remove(&corpus().join(target.name).join(&name));
        }
    }
    assert!(left.is_empty(), "in the corpus, and fed to no target: {left:?}");
}

/// Cut short, and with a byte changed at every place of the first kilobyte.
#[test]
fn so_does_every_seed_with_a_byte_changed_or_cut() {
    for (name, seeds) in seeds::all() {
        let target = target(name).expect("seeds are of targets");
        // Each run of these takes milliseconds; the fuzzer goes further.
        let step = if target.memory > seeds::LIGHT { 97 } else { 7 };
        for seed in seeds.iter().take(4) {
            for at in (0..seed.len().min(1_024)).step_by(step) {
                run(target, &seed[..at]);
                let mut changed = seed.clone();
                changed[at] ^= 1 << (at % 8);
                run(target, &changed);
            }
        }
    }
}

#[test]
fn the_seeds_are_those_that_the_command_makes() {
    for (name, seeds) in seeds::all() {
        let mut kept = files(&corpus().join(name));
        kept.retain(|file, _| file.starts_with("seed-"));
        let made: BTreeMap<String, Vec<u8>> = seeds
            .into_iter()
            .enumerate()
            .map(|(number, bytes)| (format!("seed-{number:02}"), bytes))
            .collect();
        assert!(
            kept == made,
            "corpus/{name} is not as made: run `cargo run -p ganglion-fuzz --bin seeds`"
        );
    }
}

#[test]
fn no_folder_is_without_a_target_and_all_is_small() {
    let mut bytes = 0;
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let known = target(&name).is_some();
        assert!(known, "corpus/{name} is of no target");
        bytes += files(&entry.path()).values().map(Vec::len).sum::<usize>();
    }
    assert!(bytes < 1 << 20, "the corpus has {bytes} bytes");
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), TARGETS.len(), "two targets of one name");
}
