//! The program that libFuzzer drives: one target, named by `SABOT_FUZZ`. Knows nothing of what is tested.

#![no_main]

use std::sync::LazyLock;

use sabot_codec_fuzz::TARGETS;

static RUN: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("SABOT_FUZZ").unwrap_or_default();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => target.run,
        None => panic!("SABOT_FUZZ names no target: it is one of {}", names.join(", ")),
    }
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| RUN(data));
