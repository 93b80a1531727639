//! All targets behind libFuzzer; `FUZZ_TARGET` says which. One program, because linking forty takes
//! longer than feeding them.
#![no_main]

use std::sync::OnceLock;

use ganglion_fuzz::{TARGETS, Target, run, target};
use libfuzzer_sys::fuzz_target;

static CHOSEN: OnceLock<&Target> = OnceLock::new();

fuzz_target!(|bytes: &[u8]| {
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        target(&name).unwrap_or_else(|| {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            panic!("FUZZ_TARGET must be one of {}", names.join(", "))
        })
    });
    run(chosen, bytes);
});
