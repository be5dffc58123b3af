//! Components in C and Python in a pipeline: each answers every row as the other does, beside each other and in a row.

use std::collections::BTreeMap;

use sabot_tests::broker::{Broker, unique};
use sabot_tests::guests::path;
use sabot_tests::topic::Topic;
use serde_json::{Value, json};

use crate::support::*;

const ORDERS: i64 = 2_000;

/// The amount of order `id`: now and then there is none, or one below zero. All are exact in binary, and so are the fees.
fn amount(id: i64) -> Option<f64> {
    match id {
        _ if id % 5 == 0 => None,
        _ if id % 7 == 1 => Some(-1.5),
        _ => Some((id % 1_000) as f64 + 0.25),
    }
}

fn is_refused(id: i64) -> bool {
    amount(id).is_some_and(|amount| amount < 0.0)
}

/// What both components say of an amount.
fn fee_and_grade(amount: Option<f64>) -> (Option<f64>, &'static str) {
    let grade = match amount {
        None => "none",
        Some(amount) if amount >= 500.0 => "large",
        Some(_) => "small",
    };
    (amount.map(|amount| amount * 0.5), grade)
}

/// Every order that is not refused is in `topic` once, and its columns `fee` and `grade` with each of the endings are as
/// they should be.
fn assert_answers(topic: &Topic, endings: &[&str]) {
    let mut found: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for record in topic.read_all() {
        let row: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        found.entry(row["id"].as_i64().unwrap()).or_default().push(row);
    }
    let expected: Vec<i64> = (0..ORDERS).filter(|id| !is_refused(*id)).collect();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), expected);
    for (id, rows) in &found {
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!(rows[0]["amount"].as_f64(), amount(*id), "{rows:?}");
        let (fee, grade) = fee_and_grade(amount(*id));
        for ending in endings {
            assert_eq!(rows[0][format!("fee{ending}")].as_f64(), fee, "{rows:?}");
            assert_eq!(rows[0][format!("grade{ending}")], grade, "{rows:?}");
        }
    }
}

#[test]
fn components_in_c_and_python_answer_beside_each_other_and_in_a_row() {
    let test = "components_in_c_and_python_answer_beside_each_other_and_in_a_row";
    let (Some(broker), Some(_), Some(_)) =
        (Broker::for_test(test), path(test, "fee-c"), path(test, "fee-py"))
    else {
        return;
    };
    let from = broker.topic("orders", 2);
    from.produce((0..ORDERS).map(|id| json!({ "id": id, "amount": amount(id) }).to_string()));
    let [of_c, of_python, of_both] = ["c", "python", "both"].map(|name| broker.topic(name, 1));
    let host = host(&broker);
    let http = host.http();
    let (c, python) = (push(&http, "fee-c"), push(&http, "fee-py"));
    // Python takes a while for a row on a busy machine.
    let step = |from: &str, component: &str| {
        json!({
            "from": from, "wasm": component, "config": { "rate": 0.5 }, "limits": { "batch_timeout": "20s" },
        })
    };
    let sink = |from: &str, to: &Topic| json!({ "from": from, "kafka": { "topic": to.name() } });
    let name = unique("languages").to_lowercase();
    apply(
        &http,
        &json!({
            "name": name,
            "checkpoint": { "every": "500ms" },
            "sources": { "orders": {
                "kafka": { "topic": from.name() },
                "decode": { "codec": "json", "schema": { "id": "int64", "amount": "float64" } },
                "batch_rows": 500,
            } },
            "steps": {
                "c": step("orders", &c),
                "python": step("orders", &python),
                "renamed": { "from": "c", "select": ["id", "amount", "fee as fee_c", "grade as grade_c"] },
                "again": step("renamed", &python),
            },
            "sinks": {
                "of-c": sink("c", &of_c),
                "of-python": sink("python", &of_python),
                "of-both": sink("again", &of_both),
            },
        }),
    );
    let status = wait_until_done(&http, &name, &from);
    assert_eq!(status["restarts"], 0, "{status:#}");
    assert_answers(&of_c, &[""]);
    assert_answers(&of_python, &[""]);
    assert_answers(&of_both, &["_c", ""]);

    // What one refuses never comes to the other behind it.
    let refused = (0..ORDERS).filter(|id| is_refused(*id)).count();
    let kept = http.get(&format!("/v1/pipelines/{name}/dead-letters?limit=0")).expect(200).json();
    let count = |step: &str| json!({ "step": step, "code": "negative-amount", "count": refused });
    assert_eq!(kept["counts"], json!([count("c"), count("python")]));
}
