//! A pipeline in a Rust program: orders in JSON from Kafka, their amounts brought to euros by a function of the
//! program, a fee by SQL, a score by a component, JSON back to Kafka.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use sabot::stream::arrow::array::{AsArray, Float64Array, RecordBatch, StringArray};
use sabot::stream::arrow::datatypes::Float64Type;
use sabot::stream::{
    Decode, Encode, FunctionError, Host, Pipeline, Running, Sink, Source, Start, StreamError,
};

/// Where orders come from, and where they go.
#[derive(clap::Args, Clone, Debug)]
pub struct Topics {
    /// Topic of the orders
    #[arg(long, default_value = "orders")]
    pub orders: String,
    /// Topic of the scored orders
    #[arg(long, default_value = "scored")]
    pub scored: String,
    /// Topic of orders whose currency has no rate
    #[arg(long, default_value = "rejected")]
    pub rejected: String,
    /// The component that scores
    #[arg(long, default_value = "examples/fraud/scorer-v1/build/scorer-v1.wasm")]
    pub scorer: PathBuf,
}

/// What a unit of a currency is worth in euros. A program would ask somebody; a function may keep what it likes.
pub type Rates = HashMap<String, f64>;

/// Rates that do for an example.
pub fn rates() -> Rates {
    [("EUR", 1.0), ("CHF", 1.05), ("USD", 0.9)].map(|(currency, rate)| (currency.to_owned(), rate)).into()
}

/// The pipeline.
pub fn pipeline(topics: &Topics, rates: Rates) -> Pipeline {
    let order = [("id", "int64"), ("user", "string"), ("amount", "float64"), ("currency", "string")];
    Pipeline::new("etl-stream")
        .source(
            Source::kafka(&topics.orders).named("orders").start(Start::Earliest).decode(Decode::json(order)),
        )
        .map(move |orders| in_euros(&orders, &rates))
        .named("in_euros")
        .filter("amount >= 1")
        .select(["*", "round(amount * 0.015, 2) as fee"])
        .wasm("scorer")
        .sink(Sink::kafka(&topics.scored).named("scored").key(["user"]).encode(Encode::json()))
        .from("in_euros.errors")
        .sink(Sink::kafka(&topics.rejected).named("rejected").encode(Encode::json()))
}

/// Starts it on a host within this program.
///
/// # Errors
/// The component cannot be read, or something does not fit.
pub fn start(host: &Host, topics: &Topics) -> Result<Running, StreamError> {
    host.push(&topics.scorer)?;
    host.start(&pipeline(topics, rates()))
}

/// The orders with their amounts in euros. An order whose currency has no rate fails; the host finds out which.
fn in_euros(orders: &RecordBatch, rates: &Rates) -> Result<RecordBatch, FunctionError> {
    let amounts = orders.column(2).as_primitive::<Float64Type>();
    let currencies = orders.column(3).as_string::<i32>();
    let in_euros = amounts.iter().zip(currencies).map(|(amount, currency)| {
        let currency = currency.ok_or("the order has no currency")?;
        let rate = rates.get(currency).ok_or_else(|| format!("there is no rate for `{currency}`"))?;
        Ok(amount.map(|amount| amount * rate))
    });
    let in_euros = in_euros.collect::<Result<Float64Array, FunctionError>>()?;
    let euros: StringArray = std::iter::repeat_n(Some("EUR"), in_euros.len()).collect();
    let mut columns = orders.columns().to_vec();
    columns[2] = Arc::new(in_euros);
    columns[3] = Arc::new(euros);
    Ok(RecordBatch::try_new(orders.schema(), columns)?)
}
