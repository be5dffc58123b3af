//! Filters, selects and routes over small batches, and what is said of wrong expressions.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, StructArray,
    TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit};
use proptest::prelude::*;

use super::{Filter, Route, Select, SqlError, ports};
use crate::batch::{Batch, Parents, RawRecords};
use crate::operator::{Operator, Output};
use crate::plan::Bound;
use crate::spec::StepKind;

/// Four orders; the user of the third and the amount of the fourth are not known.
fn orders() -> Batch {
    let id = Int64Array::from(vec![1, 2, 3, 4]);
    let user = StringArray::from(vec![Some("ann"), Some("bob"), None, Some("7")]);
    let amount = Float64Array::from(vec![Some(50.0), Some(150.5), Some(1200.0), None]);
    let count = Int64Array::from(vec![Some(2), Some(0), Some(4), None]);
    let at =
        TimestampMillisecondArray::from(vec![1_700_000_000_000, 1_700_000_060_000, 1_700_000_120_000, 0]);
    let city = StringArray::from(vec![Some("Bern"), Some("Oslo"), Some("Rome"), None]);
    let address = StructArray::from(vec![(
        Arc::new(Field::new("city", DataType::Utf8, true)),
        Arc::new(city) as ArrayRef,
    )]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(id),
        Arc::new(user),
        Arc::new(amount),
        Arc::new(count),
        Arc::new(at),
        Arc::new(address),
    ];
    let rows = RecordBatch::try_new(schema(), columns).expect("the columns fit");
    let records = Arc::new(records(4));
    Batch::decoded(rows, records, Parents::Run { first: 0 })
}

fn records(count: usize) -> RawRecords {
    let mut records = RawRecords::with_capacity("orders".into(), 0, count, 0);
    (0..count).for_each(|offset| records.push(offset as i64, None, None, Some(b"{}")));
    records
}

fn schema() -> SchemaRef {
    let city = Field::new("city", DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("user", DataType::Utf8, true),
        Field::new("amount", DataType::Float64, true),
        Field::new("Count", DataType::Int64, true),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("address", DataType::Struct(vec![city].into()), true),
    ]))
}

/// What goes out, by port, with the record each row came from; then what is refused.
fn run(mut operator: impl Operator, batch: &Batch) -> String {
    let mut out = Output::default();
    operator.on_batch(batch, &mut out).expect("an expression fails row by row");
    let mut text = String::new();
    for (port, batch) in &out.batches {
        for row in 0..batch.len() {
            let record = batch.origin.as_ref().and_then(|origin| origin.record_of(row));
            let values: Vec<String> = batch.rows.columns().iter().map(|column| value(column, row)).collect();
            text += &format!("{port}: {} (record {record:?})\n", values.join(" "));
        }
    }
    for error in &out.errors {
        text += &format!("{} {}: {}\n", error.row, error.code, error.message);
    }
    text
}

fn value(column: &ArrayRef, row: usize) -> String {
    arrow::util::display::array_value_to_string(column, row).expect("it can be shown")
}

fn ids(expression: &str) -> String {
    match Filter::new(expression, &schema()) {
        Err(error) => error.to_string(),
        Ok(mut filter) => {
            let mut out = Output::default();
            filter.on_batch(&orders(), &mut out).expect("an expression fails row by row");
            let kept = out
                .batches
                .iter()
                .flat_map(|(_, b)| b.rows.column(0).as_primitive::<Int64Type>().values().to_vec());
            let refused = out.errors.iter().map(|e| format!("!{} {}", e.row, e.message));
            kept.map(|id| id.to_string()).chain(refused).collect::<Vec<_>>().join(" ")
        }
    }
}

fn select(items: &[&str]) -> Result<Select, SqlError> {
    let items: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
    Select::new(&items, &schema())
}

fn wrong(items: &[&str]) -> String {
    let error = select(items).expect_err("it is wrong");
    error.problems.iter().map(|problem| format!("{}: {problem}\n", problem.item)).collect()
}

#[test]
fn a_filter_keeps_rows_that_are_true() {
    for (expression, expected) in [
        ("amount > 100", "2 3"),
        ("not (amount > 100)", "1"),
        ("user = 'bob' or amount is null", "2 4"),
        ("user", "the expression is string; expected true or false"),
        ("true", "1 2 3 4"),
        ("1 = 2", ""),
        ("null", "the expression is always null; expected true or false"),
        ("\"Count\" in (2, 4) and user like 'a%'", "1"),
        ("`Count` between 1 and 9", "1 3"),
        ("upper(user) = 'ANN'", "1"),
        ("at >= '2023-11-14T22:14:00'", "2 3"),
        ("date_trunc('minute', at) = timestamp '2023-11-14 22:14:00'", "2"),
        ("extract(hour from at) = 22", "1 2 3"),
        ("at > timestamp '2023-11-14 22:13:00' + interval '1 minute'", "2 3"),
        ("address.city = 'Oslo'", "2"),
        ("address['city'] = 'Oslo'", "2"),
        ("case when amount > 1000 then 'big' else 'small' end = 'big'", "3"),
        ("substring(user from 1 for 1) = 'b'", "2"),
        ("coalesce(amount, 0) < 60", "1 4"),
        ("now() > at", "1 2 3 4"),
        ("CURRENT_TIMESTAMP > at and Abs(id) = 1", "1"),
        ("id > 1 -- the first was a test", "2 3 4"),
    ] {
        assert_eq!(ids(expression), expected, "{expression}");
    }
}

#[test]
fn rows_keep_their_records() {
    let filter = Filter::new("id <> 2", &schema()).expect("it is right");
    let kept = run(filter, &orders());
    insta::assert_snapshot!(kept, @"
    0: 1 ann 50.0 2 2023-11-14T22:13:20 {city: Bern} (record Some(0))
    0: 3  1200.0 4 2023-11-14T22:15:20 {city: Rome} (record Some(2))
    0: 4 7   1970-01-01T00:00:00 {city: } (record Some(3))
    ");
}

#[test]
fn a_row_that_fails_is_refused_and_the_others_go_on() {
    assert_eq!(ids("10 / Count >= 2"), "1 3 !1 Divide by zero error");
    insta::assert_snapshot!(ids("cast(user as bigint) = 7"), @"4 !0 Cast error: Cannot cast string 'ann' to value of Int64 type !1 Cast error: Cannot cast string 'bob' to value of Int64 type");
    insta::assert_snapshot!(ids("id * 9223372036854775807 > 0"), @"1 !1 Arithmetic overflow: Overflow happened on: 2 * 9223372036854775807 !2 Arithmetic overflow: Overflow happened on: 3 * 9223372036854775807 !3 Arithmetic overflow: Overflow happened on: 4 * 9223372036854775807");
    assert_eq!(ids("Count <> 0 and 10 / Count >= 2"), "1 3");
    let divide = select(&["id", "10 / Count as share", "cast(user as bigint) as n"]).expect("it is right");
    insta::assert_snapshot!(run(divide, &orders()), @"
    0: 3 2  (record Some(2))
    0: 4  7 (record Some(3))
    0 expression: column `n`: Cast error: Cannot cast string 'ann' to value of Int64 type
    1 expression: column `share`: Divide by zero error
    ");
}

#[test]
fn good_rows_between_many_bad_ones_go_on_in_one_batch() {
    let fields = vec![Field::new("n", DataType::Int64, true)];
    let schema = Arc::new(Schema::new(fields));
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values((0..1000).map(|n| n % 7)));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![column]).expect("one column");
    let batch = Batch::decoded(rows, Arc::new(records(1000)), Parents::Run { first: 0 });
    let mut select = Select::new(&["42 / n as q".into()], &schema).expect("it is right");
    let mut out = Output::default();
    select.on_batch(&batch, &mut out).expect("it fails row by row");
    assert_eq!((out.batches.len(), out.errors.len(), out.batches[0].1.len()), (1, 143, 857));
    let origin = out.batches[0].1.origin.as_ref().expect("rows keep their records");
    assert_eq!((origin.record_of(0), origin.record_of(6)), (Some(1), Some(8)));
}

#[test]
fn a_select_computes_columns() {
    let select =
        select(&["* exclude (at, address)", "amount * 0.015 as fee", "address.city", "'x' || user as who"])
            .expect("it is right");
    let fields: Vec<String> = select
        .schema()
        .fields()
        .iter()
        .map(|f| format!("{} {}{}", f.name(), f.data_type(), if f.is_nullable() { "?" } else { "" }))
        .collect();
    insta::assert_snapshot!(fields.join(", "), @"id Int64, user Utf8?, amount Float64?, Count Int64?, fee Float64?, city Utf8?, who Utf8?");
    insta::assert_snapshot!(run(select, &orders()), @"
    0: 1 ann 50.0 2 0.75 Bern xann (record Some(0))
    0: 2 bob 150.5 0 2.2575 Oslo xbob (record Some(1))
    0: 3  1200.0 4 18.0 Rome  (record Some(2))
    0: 4 7     x7 (record Some(3))
    ");
}

#[test]
fn a_column_that_is_only_renamed_is_not_copied() {
    let mut select = select(&["user as customer", "id"]).expect("it is right");
    let batch = orders();
    let mut out = Output::default();
    select.on_batch(&batch, &mut out).expect("nothing to fail");
    assert!(Arc::ptr_eq(out.batches[0].1.rows.column(0), batch.rows.column(1)));
    assert_eq!(select.schema().field(0).name(), "customer");
}

#[test]
fn a_batch_that_passes_whole_is_not_copied() {
    let mut filter = Filter::new("id > 0", &schema()).expect("it is right");
    let batch = orders();
    let mut out = Output::default();
    filter.on_batch(&batch, &mut out).expect("nothing to fail");
    assert!(Arc::ptr_eq(out.batches[0].1.rows.column(0), batch.rows.column(0)));
}

#[test]
fn functions_on_strings_answer_plain_strings() {
    let all = [
        "upper(user)",
        "substr(user, 1, 2)",
        "concat(user, '!')",
        "lpad(user, 9)",
        "cast(id as varchar)",
        "replace(user, 'a', 'b')",
        "split_part(user, 'n', 1)",
        "to_char(at, '%Y')",
        "trim(user)",
        "encode(user, 'hex')",
    ];
    let items: Vec<String> = all.iter().enumerate().map(|(at, item)| format!("{item} as c{at}")).collect();
    let select = Select::new(&items, &schema()).expect("it is right");
    for (field, item) in select.schema().fields().iter().zip(all) {
        assert_eq!(field.data_type(), &DataType::Utf8, "{item}");
    }
    run(select, &orders());
}

#[test]
fn a_route_takes_the_first_port_that_is_true() {
    let branches = |list: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
        list.iter().map(|(port, when)| ((*port).to_owned(), when.map(str::to_owned))).collect()
    };
    let all = branches(&[("big", Some("amount > 1000")), ("rest", None), ("mid", Some("amount > 100"))]);
    let route = Route::new(&all, &schema()).expect("it is right");
    insta::assert_snapshot!(run(route, &orders()), @"
    0: 3  1200.0 4 2023-11-14T22:15:20 {city: Rome} (record Some(2))
    1: 1 ann 50.0 2 2023-11-14T22:13:20 {city: Bern} (record Some(0))
    1: 4 7   1970-01-01T00:00:00 {city: } (record Some(3))
    2: 2 bob 150.5 0 2023-11-14T22:14:20 {city: Oslo} (record Some(1))
    ");
    let some =
        branches(&[("free", Some("Count = 0")), ("dear", Some("amount / Count > 20 and 1 / Count < 9"))]);
    let route = Route::new(&some, &schema()).expect("it is right");
    insta::assert_snapshot!(run(route, &orders()), @"
    0: 2 bob 150.5 0 2023-11-14T22:14:20 {city: Oslo} (record Some(1))
    1: 1 ann 50.0 2 2023-11-14T22:13:20 {city: Bern} (record Some(0))
    1: 3  1200.0 4 2023-11-14T22:15:20 {city: Rome} (record Some(2))
    ");
    let fails =
        branches(&[("ann", Some("user = 'ann'")), ("n", Some("cast(user as bigint) > 5")), ("no", None)]);
    let route = Route::new(&fails, &schema()).expect("it is right");
    insta::assert_snapshot!(run(route, &orders()), @"
    0: 1 ann 50.0 2 2023-11-14T22:13:20 {city: Bern} (record Some(0))
    1: 4 7   1970-01-01T00:00:00 {city: } (record Some(3))
    2: 3  1200.0 4 2023-11-14T22:15:20 {city: Rome} (record Some(2))
    1 expression: Cast error: Cannot cast string 'bob' to value of Int64 type
    ");
    let wrong = branches(&[("a", Some("amuont > 1")), ("b", None), ("c", None), ("d", Some("amount"))]);
    let error = Route::new(&wrong, &schema()).expect_err("it is wrong");
    let told: String = error.problems.iter().map(|p| format!("{}: {p}\n", p.item)).collect();
    insta::assert_snapshot!(told, @"
    0: unknown column `amuont` (character 1); did you mean `amount`?
    2: a second `otherwise`; expected an expression
    3: the expression is float64; expected true or false
    ");
}

#[test]
fn every_wrong_name_is_told_with_the_nearest_right_one() {
    insta::assert_snapshot!(wrong(&["amuont * 2 as x", "uper(user) as y", "USER as z", "nothing_like_it"]), @"
    0: unknown column `amuont` (character 1); did you mean `amount`?
    1: unknown function `uper` (character 1); did you mean `upper`?
    2: unknown column `USER` (character 1); did you mean `user`?
    3: unknown column `nothing_like_it` (character 1); expected one of `id`, `user`, `amount`, `Count`, `at`, `address`
    ");
    insta::assert_snapshot!(wrong(&["uper(usr) || lowr(user) as y"]), @"
    0: unknown function `uper` (character 1); did you mean `upper`?
    0: unknown column `usr` (character 6); did you mean `user`?
    0: unknown function `lowr` (character 14); did you mean `lower`?
    ");
    insta::assert_snapshot!(wrong(&["address.town as a", "address.cty as b", "user.name as c", "adress.city as d"]), @"
    0: `address` has no field `town` (character 9); expected one of `city`
    1: `address` has no field `cty` (character 9); did you mean `city`?
    2: `user` has no fields: it is string (character 6)
    3: unknown column `adress` (character 1); did you mean `address`?
    ");
    insta::assert_snapshot!(wrong(&["* exclude (amuont)", "* except (x)"]), @"
    0: unknown column `amuont` (character 12); did you mean `amount`?
    1: unknown column `x` (character 11)
    1: two columns are called `id`; expected another name, or `* exclude (id)`
    1: two columns are called `user`; expected another name, or `* exclude (user)`
    1: two columns are called `amount`; expected another name, or `* exclude (amount)`
    1: two columns are called `Count`; expected another name, or `* exclude (Count)`
    1: two columns are called `at`; expected another name, or `* exclude (at)`
    1: two columns are called `address`; expected another name, or `* exclude (address)`
    ");
}

#[test]
fn what_belongs_elsewhere_is_told() {
    insta::assert_snapshot!(wrong(&[
        "count(*) as n",
        "row_number() over (order by id) as n",
        "(select 1) as n",
        "current_date as today",
        "? as n",
        "exists (select 1 from x) as n",
        "@session as n",
        "s.*",
    ]), @"
    0: `count` is an aggregate: it needs a step with a `window` (character 1); expected functions of one row
    1: `row_number` over a window (character 1); expected functions of one row
    2: a query within an expression (character 2); expected columns and functions
    3: unknown function `current_date` (character 1); did you mean `now()`?
    4: placeholder `?` (character 1); expected a value
    5: a query within an expression (character 9); expected columns and functions
    6: placeholder `@session` (character 1); expected a value
    7: this form is for queries over tables; expected `*`, a column, or `expression as name`
    ");
}

#[test]
fn what_does_not_parse_is_told_with_its_place() {
    insta::assert_snapshot!(wrong(&["amount *", "amount as", "(amount as x", "amount > > 1 as x", "'open as x", "", "a b c"]), @"
    0: not an SQL expression: Expected: an expression, found: EOF
    1: not an SQL expression: Expected: an identifier after AS, found: EOF
    2: not an SQL expression: Expected: ), found: as at Line: 1, Column: 9
    3: not an SQL expression: Expected: an expression, found: > at Line: 1, Column: 10
    4: not an SQL expression: Unterminated string literal at Line: 1, Column: 1
    5: not an SQL expression: Expected: an expression, found: EOF
    6: not an SQL expression: Expected: EOF, found: c at Line: 1, Column: 5
    ");
}

#[test]
fn wrong_types_are_told() {
    insta::assert_snapshot!(wrong(&[
        "user + 1 as a",
        "amount and true as b",
        "abs(user) as c",
        "substr(user) as d",
        "cast(amount as nonsense) as e",
        "null as f",
        "cast(address as bigint) as g",
    ]), @r#"
    0: Cannot coerce arithmetic expression Utf8 + Int64 to valid types
    1: Cannot infer common argument type for logical boolean operation Float64 AND Boolean
    2: Function 'abs' expects Numeric but received String
    3: `substr` without a start (character 8); expected two or three arguments
    4: Unsupported SQL type nonsense
    5: `f` is always null and has no type; expected a cast: `cast(null as …)`
    6: Unsupported CAST from Struct("city": Utf8) to Int64
    "#);
}

#[test]
fn names_of_columns_are_needed_and_differ() {
    insta::assert_snapshot!(wrong(&["*", "amount * 2 as amount", "id", "amount + 1", "upper(usr)"]), @"
    1: two columns are called `amount`; expected another name, or `* exclude (amount)`
    2: two columns are called `id`; expected another name, or `* exclude (id)`
    3: the expression has no name; expected `expression as name`
    4: unknown column `usr` (character 7); did you mean `user`?
    4: the expression has no name; expected `expression as name`
    ");
    insta::assert_snapshot!(wrong(&[]), @"0: there are no columns; expected at least one");
}

#[test]
fn a_long_or_deep_expression_is_refused() {
    let deep = format!("{}1{} > 0", "(".repeat(1000), ")".repeat(1000));
    insta::assert_snapshot!(Filter::new(&deep, &schema()).expect_err("it is deep"), @"too deeply nested");
    let long = format!("id > {}", " ".repeat(100_000));
    insta::assert_snapshot!(Filter::new(&long, &schema()).expect_err("it is long"), @"100005 bytes are too long; the limit is 65536");
}

#[test]
fn a_binder_hears_where_in_the_step() {
    let branches = vec![("big".to_owned(), Some("amuont > 1".to_owned()))];
    let found = ports(&StepKind::Route { branches }, &schema()).expect("a route is SQL");
    let errors = found.expect_err("it is wrong");
    insta::assert_debug_snapshot!(errors, @r#"
    [
        BindError {
            at: "route.big",
            message: "unknown column `amuont` (character 1)",
            expected: None,
            nearest: Some(
                "amount",
            ),
        },
    ]
    "#);
    let found = ports(&StepKind::Filter { expression: "id > 1".into() }, &schema()).expect("a filter is SQL");
    let Ok(Bound::Ports(found)) = found else { panic!("it is right") };
    assert_eq!(found, [("main".to_owned(), schema())]);
    assert!(ports(&StepKind::Union, &schema()).is_none());
}

proptest! {
    #[test]
    fn rows_that_fail_are_refused_exactly(counts in prop::collection::vec(prop::option::of(-2i64..4), 1..200)) {
        let fields = vec![Field::new("n", DataType::Int64, true)];
        let schema = Arc::new(Schema::new(fields));
        let column: ArrayRef = Arc::new(Int64Array::from(counts.clone()));
        let batch = Batch::new(RecordBatch::try_new(Arc::clone(&schema), vec![column]).expect("one column"));
        let mut select = Select::new(&["n".into(), "6.0 / n as f".into(), "6 / n as q".into()], &schema).expect("it is right");
        let mut out = Output::default();
        select.on_batch(&batch, &mut out).expect("it fails row by row");
        let zeros: Vec<u32> = (0..counts.len()).filter(|i| counts[*i] == Some(0)).map(|i| i as u32).collect();
        prop_assert_eq!(out.errors.iter().map(|e| e.row).collect::<Vec<_>>(), zeros);
        let given: Vec<Option<i64>> = out.batches.iter().flat_map(|(_, b)| b.rows.column(2).as_primitive::<Int64Type>().iter().collect::<Vec<_>>()).collect();
        let expected: Vec<Option<i64>> = counts.iter().filter(|n| **n != Some(0)).map(|n| n.map(|n| 6 / n)).collect();
        prop_assert_eq!(given, expected);
        prop_assert!(out.batches.iter().all(|(_, b)| b.rows.column(1).as_primitive_opt::<Float64Type>().is_some()));
    }

    #[test]
    fn no_text_panics(text in "[a-zA-Z0-9_ '\"`().,*+<>=!|%;:?@$#\\[\\]{}-]{0,60}") {
        let _ = Filter::new(&text, &schema());
        let _ = select(&[&text]);
    }

    #[test]
    fn no_words_panic(words in prop::collection::vec(prop::sample::select(vec![
        "id", "user", "amount", "at", "address", "address.city", "(", ")", ",", "*", "+", "/", "and", "or", "not", "case",
        "when", "then", "else", "end", "cast", "as", "bigint", "interval", "'1'", "1", "null", "is", "in", "between",
        "like", "extract", "hour", "from", "upper", "sum", "over", "select", "now", "::", "[", "]", "->", "||", "array",
        "date", "timestamp", "trim", "position", "overlay", "exists", "any", "all", "struct", "map", "distinct",
    ]), 1..14)) {
        let text = words.join(" ");
        if let Ok(mut filter) = Filter::new(&text, &schema()) {
            let _ = filter.on_batch(&orders(), &mut Output::default());
        }
        if let Ok(mut select) = select(&[&text]) {
            let _ = select.on_batch(&orders(), &mut Output::default());
        }
    }
}

const TOO_MUCH: &str = "the values would take more than the 128 MiB that a batch may be made into";

#[test]
fn values_that_grow_without_measure_are_refused_before_they_are_made() {
    let refused = |row: usize| format!("!{row} {TOO_MUCH}");
    let all = (0..4).map(refused).collect::<Vec<_>>().join(" ");
    for expression in [
        "length(rpad(address['city'], 2000000000, 'x')) > 1",
        "length(lpad(\"user\", 2000000000)) > 1",
        "length(repeat('x', 2000000000)) > 1",
        "length(repeat('x', id * 2000000000)) > 1",
        "length(replace(repeat('x', 50000 + id), 'x', repeat('y', 50000))) > 1",
        "length(regexp_replace(repeat('x', 50000 + id), 'x', repeat('y', 50000), 'g')) > 1",
    ] {
        let found = ids(expression);
        // A row without a city has none to fill up.
        let of_null = expression.contains("city") || expression.contains("user");
        assert!(found == all || of_null && found.contains(TOO_MUCH), "{expression}: {found}");
    }
    // The row at fault is refused, the others go on.
    insta::assert_snapshot!(ids("length(rpad('x', power(10, 3 * id)::bigint, 'y')) > 10"), @"1 2 !2 the values would take more than the 128 MiB that a batch may be made into !3 the values would take more than the 128 MiB that a batch may be made into");
    insta::assert_snapshot!(ids("length(repeat('x', 100000) || user) > 1"), @"a constant of 100064 bytes; the limit is 65536");
    assert_eq!(ids("length(repeat('x', 100000)) = 100000"), "1 2 3 4");
    assert_eq!(ids("length(regexp_replace(repeat('x', 1000), 'x', 'yy', 'g')) = 2000"), "1 2 3 4");
    assert_eq!(ids("length(concat_ws('-', repeat('x', 1000), 'b', id)) = 1004"), "1 2 3 4");
}

#[test]
fn a_chain_of_steps_that_each_double_a_text_ends_in_refused_rows() {
    let mut batch = orders();
    let mut refused = 0;
    for _ in 0..40 {
        let schema = batch.rows.schema();
        let first =
            ["id || '0123456789abcdef' as id", "id || id as id"][usize::from(batch.rows.num_columns() == 1)];
        let mut out = Output::default();
        Select::new(&[first.to_owned()], &schema).unwrap().on_batch(&batch, &mut out).unwrap();
        refused += out.errors.len();
        assert!(out.errors.iter().all(|error| error.message.contains(TOO_MUCH)), "{:?}", out.errors);
        let Some((_, next)) = out.batches.pop() else { break };
        assert!(out.batches.is_empty() || refused > 0);
        batch = next;
    }
    assert!(refused > 0);
}

#[test]
fn a_text_is_not_compared_with_a_number() {
    insta::assert_snapshot!(ids("user > 5"), @"`user` is string and is compared with int64; write the number in quotes, or `cast(user as …)`");
    insta::assert_snapshot!(ids("id = upper(user)"), @"`upper(user)` is string and is compared with int64; write the number in quotes, or `cast(upper(user) as …)`");
    assert_eq!(ids("id = '3'"), "3");
    assert_eq!(ids("user = '7'"), "4");
    assert_eq!(ids("try_cast(user as bigint) > 5"), "4");
}
