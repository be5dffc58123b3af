//! Every target holds on its seeds, and on a number of changes of them that are the same in every run.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;
use sabot_codec_fuzz::{TARGETS, Target};

/// Changed inputs of a target, at most: always the same ones, and as many of them as there is time for.
const CHANGED: usize = 400;
const TIME: Duration = Duration::from_secs(2);
/// No seed is larger: they are read by people too.
const SEED_BYTES_MAX: usize = 64 << 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds")
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let folder = folder().join(target.name);
    let entries = folder.read_dir().unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let read = |file: &PathBuf| std::fs::read(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    files.iter().map(read).collect()
}

/// The input with one to four changes: bytes replaced, removed, repeated, or taken from another input.
fn change(input: &mut Vec<u8>, other: &[u8], random: &mut Rng) {
    for _ in 0..random.usize(1..5) {
        let at = random.usize(..=input.len());
        let end = (at + random.usize(1..9)).min(input.len());
        match random.u8(..6) {
            0 if at < input.len() => input[at] ^= 1 << random.u8(..8),
            1 if at < input.len() => input[at] = random.u8(..),
            2 => drop(input.drain(at..end)),
            3 => input.insert(at, random.u8(..)),
            4 => input.extend_from_within(at..end),
            _ => {
                let from = random.usize(..=other.len());
                let to = (from + random.usize(..40)).min(other.len());
                input.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
}

fn run(target: &Target, input: &[u8]) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(outcome.is_ok(), "the target {} does not hold on b\"{}\"", target.name, input.escape_ascii());
}

fn holds(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let seeds = seeds(target);
    seeds.iter().for_each(|seed| run(target, seed));
    let (mut random, started) = (Rng::with_seed(7), Instant::now());
    for _ in (0..CHANGED).take_while(|_| started.elapsed() < TIME) {
        let mut input = seeds[random.usize(..seeds.len())].clone();
        change(&mut input, &seeds[random.usize(..seeds.len())], &mut random);
        run(target, &input);
    }
}

/// A test for each target.
macro_rules! held {
    ($($name:ident)*) => {
        const HELD: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                holds(stringify!($name));
            }
        )*
    };
}

held! { json avro protobuf json_schema msgpack string bytes arrow csv wire infer schemas }

#[test]
fn every_target_has_a_test_and_small_seeds_and_every_folder_a_target() {
    assert!(TARGETS.iter().map(|target| &target.name).eq(HELD));
    let folders: BTreeSet<String> =
        folder().read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(folders, TARGETS.iter().map(|target| target.name.to_owned()).collect());
    for target in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{}", target.name);
        assert!(seeds.iter().all(|seed| seed.len() <= SEED_BYTES_MAX), "{}", target.name);
    }
}
