//! How fast is each codec, on one thread, beside the library that one would take otherwise in the same run?
//!
//! Batches of 8,192 records, a flat one of about 200 bytes of JSON and a nested one of about 2 kB, both ways. Each
//! contestant runs in each round. Allocations are counted once buffers have their size; a batch that is decoded
//! is made of new buffers, so there are some a batch and none a record. Codecs with a schema of their own take part twice:
//! plain, and `framed`, where each record names its schema by the id in a registry, which is asked once and before
//! anything is timed. Words choose who takes part: `flat json decode`, `flat 'sabot, framed'`.

mod allocations;
mod contest;
mod ours;
mod records;
mod registry;
#[path = "../../src/report.rs"]
mod report;
#[cfg(test)]
mod tests;
mod theirs;

use contest::{Contestant, Result as Measured};
use records::{Flat, Nested, Shape};
use sabot_codec::codec::Codec;

#[global_allocator]
static ALLOCATOR: allocations::Counted = allocations::Counted;

/// Why a bench ends without figures.
type Failed = Box<dyn std::error::Error>;

const RECORDS: u64 = 8_192;

fn main() -> Result<(), Failed> {
    let rounds: usize = std::env::var("ROUNDS").ok().map_or(Ok(15), |rounds| rounds.parse())?;
    let mut contestants = enter::<Flat>()?;
    contestants.extend(enter::<Nested>()?);
    let words: Vec<String> = std::env::args().skip(1).collect();
    contestants.retain(|c| words.iter().all(|word| [c.shape, c.codec, c.way, c.by].contains(&word.as_str())));
    let results = contest::hold(&mut contestants, rounds);
    let all: Vec<(&Contestant, &Measured)> = contestants.iter().zip(&results).collect();
    print_table(&all);
    if words.is_empty() {
        print_figures(&all);
    }
    Ok(())
}

/// All who take part on records of this shape.
fn enter<S: Shape>() -> Result<Vec<Contestant<'static>>, Failed> {
    let structs: Vec<S> = (0..RECORDS).map(S::nth).collect();
    let rows = ours::rows(&structs)?;
    let mut all = Vec::new();
    for codec in Codec::ALL {
        let ours = ours::Ours::new(codec, &rows, &structs)?;
        all.extend(ours.contestants(S::NAME)?);
        all.extend(theirs::contestants::<S>(codec.name(), &ours.rows, &ours.values)?);
        if codec == Codec::Arrow {
            let mut record = Vec::new();
            theirs::stream(&rows, &mut record)?;
            all.push(theirs::in_one_record(S::NAME, rows.num_rows(), &record));
            all.push(ours.in_one_record(S::NAME, record)?);
        }
    }
    Ok(all)
}

fn print_table(all: &[(&Contestant, &Measured)]) {
    let heading = ["record", "codec", "way", "by", "bytes", "k/s", "best k/s", "MB/s", "allocations"];
    let mut rows = vec![heading.map(String::from).to_vec()];
    rows.extend(all.iter().map(|(contestant, measured)| {
        let bytes = contestant.bytes as f64 / contestant.records as f64;
        let words = [contestant.shape, contestant.codec, contestant.way, contestant.by].map(String::from);
        let numbers = [
            format!("{bytes:.0}"),
            format!("{:.0}", measured.median / 1e3),
            format!("{:.0}", measured.best / 1e3),
            format!("{:.0}", measured.median * bytes / 1e6),
            format!("{:.3}", measured.allocations),
        ];
        words.into_iter().chain(numbers).collect()
    }));
    report::table(&rows);
}

fn print_figures(all: &[(&Contestant, &Measured)]) {
    let find = |shape: &str, codec: &str, way: &str, by: &str| {
        let found = all.iter().find(|(c, _)| (c.shape, c.codec, c.way, c.by) == (shape, codec, way, by));
        found.map(|(_, measured)| *measured)
    };
    let speed = |shape, by| find(shape, "json", "decode", by).map_or(f64::NAN, |measured| measured.median);
    let mut figures = vec![
        ("json_decode_vs_arrow_json".to_owned(), speed("flat", ours::PLAIN) / speed("flat", "arrow-json")),
        (
            "json_nested_decode_vs_arrow_json".to_owned(),
            speed("nested", ours::PLAIN) / speed("nested", "arrow-json"),
        ),
    ];
    for codec in Codec::ALL.map(Codec::name) {
        for way in ["decode", "encode"] {
            for (by, how) in [(ours::PLAIN, ""), (ours::FRAMED, "_framed")] {
                if let Some(measured) = find("flat", codec, way, by) {
                    figures.push((format!("{codec}{how}_{way}_per_s"), measured.median.round()));
                    figures.push((format!("{codec}{how}_{way}_allocs_per_record"), measured.allocations));
                }
            }
        }
    }
    if let Some(measured) = find("flat", "arrow", "decode", "sabot, all rows in one record") {
        figures.push(("arrow_decode_in_one_record_per_s".to_owned(), measured.median.round()));
    }
    let figures: Vec<(&str, f64)> = figures.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    report::figures(&figures);
}
