//! Flat records go through every codec without an allocation each, which no other test would miss: all of them would
//! pass with one for each value. Knows nothing of how fast anything is.

use std::hint::black_box;

use sabot_codec::codec::Codec;

use crate::ours::{self, Ours};
use crate::records::{Flat, Shape};
use crate::{Failed, allocations, contest, registry};

/// So many that what a batch costs as a whole is little for each.
const RECORDS: u64 = 4_096;

/// Allocations a record: what a batch costs is below it, one for every twentieth record is not.
const LIMIT: f64 = 0.05;

/// Avro, Protobuf and JSON Schema.
const WITH_SCHEMAS: usize = 3;

#[test]
fn flat_records_are_decoded_and_encoded_without_an_allocation_each() -> Result<(), Failed> {
    let structs: Vec<Flat> = (0..RECORDS).map(Flat::nth).collect();
    let rows = ours::rows(&structs)?;
    let mut contestants = Vec::new();
    for codec in Codec::ALL {
        contestants.extend(Ours::new(codec, &rows, &structs)?.contestants(Flat::NAME)?);
    }
    assert_eq!(contestants.len(), 2 * (Codec::ALL.len() + WITH_SCHEMAS), "plain and framed, both ways");
    let (mut all, mut worst) = (String::new(), 0.0_f64);
    for contestant in &mut contestants {
        let allocations = contest::allocations(contestant);
        let (codec, way, by) = (contestant.codec, contestant.way, contestant.by);
        all += &format!("{allocations:.4}  {codec} {way}, {by}\n");
        worst = worst.max(allocations);
    }
    println!("{all}");
    assert!(worst < LIMIT, "allocations a record are to be below {LIMIT}:\n{all}");
    assert_eq!(registry::times_asked(), WITH_SCHEMAS, "each schema is asked for once");
    Ok(())
}

#[test]
fn what_is_allocated_here_is_counted_and_what_others_allocate_is_not() {
    let boxes = || (0..100).for_each(|n| drop(black_box(Box::new(n))));
    assert_eq!(allocations::during(boxes), 100);
    let elsewhere = || std::thread::scope(|scope| drop(scope.spawn(boxes)));
    // A thread has its own cost.
    let here = allocations::during(elsewhere);
    assert!(here < 100, "{here}");
}
