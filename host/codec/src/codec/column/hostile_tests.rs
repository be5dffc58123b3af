//! Runs of records of which each takes all that it may.

use arrow::datatypes::Fields;

use super::{MAX_RECORD, MAX_RUN, Spent, Struct};

#[test]
fn a_run_of_records_has_a_bound_and_the_next_run_begins_anew() {
    let mut columns = Struct::new(&Fields::empty(), 0).unwrap();
    for _ in 0..2 {
        for record in 0..MAX_RUN / MAX_RECORD {
            let mut allowance = columns.allowance();
            allowance.take(MAX_RECORD - 1).unwrap();
            allowance.take(1).unwrap();
            if record > 0 {
                // What is refused took all that was left to it.
                let refused = allowance.take_for_null(1).unwrap_err().of_record(0);
                assert_eq!(
                    format!("{}: {}", refused.code, refused.message),
                    "too-large: what its lists and maps leave out, and keys that come again, stand for more than \
                     67108864 bytes: split the record"
                );
            }
            columns.took(&allowance);
        }
        let mut allowance = columns.allowance();
        allowance.take(0).unwrap();
        assert_eq!(allowance.take(1), Err(Spent::Run), "in a run of its own it may be good");
        columns.took(&allowance);
        columns.finish_columns();
    }
}
