//! One row of a million on which a component traps: it is found and set aside with its record, and costs no other row
//! anything.

use sabot_tests::broker::{Broker, unique};
use serde_json::json;

use crate::support::*;

const MANY: u64 = 1_000_000;
/// The order on which the component traps.
const BAD: u64 = 654_321;

#[test]
fn the_one_row_of_a_million_that_traps_is_a_letter_and_all_others_come_once() {
    let Some(broker) = Broker::for_test("the_one_row_of_a_million_that_traps") else { return };
    let (from, to) = (broker.topic("orders", 4), broker.topic("copied", 4));
    from.produce((0..MANY).map(order));
    let host = host(&broker);
    let http = host.http();
    let hostile = push(&http, "hostile-map");
    let name = unique("poison").to_lowercase();
    let steps = json!({ "copy": {
        "from": "orders", "wasm": hostile, "config": { "mode": "panic-on-value", "value": BAD },
        "on_error": "dead_letter",
    } });
    apply(&http, &orders_pipeline(&name, &from, steps, "copy", &to));
    wait_for_count(&to, MANY as i64 - 1);
    let status = wait_until_done(&http, &name, &from);
    assert_eq!((&status["restarts"], &status["dead_letters"]), (&json!(0), &json!(1)), "{status:#}");
    let step = &status["steps"][0];
    let figures = [&step["rows_in"], &step["rows_out"], &step["errors"]];
    assert_eq!(figures, [&json!(MANY), &json!(MANY - 1), &json!(1)], "{status:#}");
    http.post(&format!("/v1/pipelines/{name}/stop"), &json!({})).expect(200);

    let times = times_of_whole_orders(&to, MANY, |id| json!({ "copy": id, "text": "row" }));
    let wrong: Vec<u64> = (0..MANY).filter(|id| times[*id as usize] != u32::from(*id != BAD)).collect();
    assert!(
        wrong.is_empty(),
        "{} orders did not come once: {:?} …",
        wrong.len(),
        &wrong[..wrong.len().min(10)]
    );

    let letters = letters(&http, &name);
    assert_eq!(letters.len(), 1, "{letters:#?}");
    let letter = &letters[0];
    assert_eq!((&letter["step"], &letter["code"]), (&json!("copy"), &json!("trap")));
    assert!(letter["error"].as_str().unwrap().contains(&format!("id is {BAD}")), "{letter:#}");
    assert_eq!(letter["value"]["text"], order(BAD));
    // Orders were sent to the partitions in turn.
    let place = json!([from.name(), BAD % 4, BAD / 4]);
    assert_eq!(json!([letter["topic"], letter["partition"], letter["offset"]]), place);
    assert_eq!(letter["row"]["id"], BAD);
}
