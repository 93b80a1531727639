//! Pages that are made from the program are the ones in the tree.

use std::fs;
use std::path::Path;

use crate::run::Ganglion;

/// `GANGLION_REFERENCE=1 cargo test -p ganglion --test it reference` writes them.
#[test]
fn pages_made_from_the_program_are_up_to_date() {
    let home = Ganglion::new();
    let mut stale = Vec::new();
    for (args, file) in [
        (["reference", "cli"], "docs/CLI.md"),
        (["reference", "settings"], "docs/SETTINGS.md"),
        (["reference", "man"], "docs/man/ganglion.1"),
        (["completions", "bash"], "deploy/completions/ganglion.bash"),
        (["completions", "zsh"], "deploy/completions/_ganglion"),
        (["completions", "fish"], "deploy/completions/ganglion.fish"),
    ] {
        let path = Path::new("..").join(file);
        let made = home.ok(&args);
        assert!(made.len() > 1_000, "{args:?}: {made}");
        if std::env::var_os("GANGLION_REFERENCE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &made).unwrap();
        } else if fs::read_to_string(&path).ok().as_ref() != Some(&made) {
            stale.push(file);
        }
    }
    assert!(
        stale.is_empty(),
        "{stale:?} differ from the program; write them with GANGLION_REFERENCE=1 cargo test -p ganglion --test it reference"
    );
}
