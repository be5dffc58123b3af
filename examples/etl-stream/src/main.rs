//! The program of the example: runs its pipeline until it is interrupted, or until all orders are read.

use std::error::Error;

use clap::Parser;
use etl_stream::{Topics, start};
use sabot::stream::{Host, Until};

/// Orders in any currency to scored orders in euros
#[derive(Parser)]
struct Args {
    /// The broker
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap: String,
    #[command(flatten)]
    topics: Topics,
    /// End once every order that is there has been read
    #[arg(long)]
    until_read: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let host = Host::builder().bootstrap(&args.bootstrap).open()?;
    let running = start(&host, &args.topics)?;
    let until = if args.until_read { Until::Read } else { Until::Ended };
    let status = running.wait(until)?;
    for step in &status.steps {
        println!(
            "{:9} {:6} rows in, {:6} out, {:3} refused",
            step.name, step.rows_in, step.rows_out, step.errors
        );
    }
    println!("{:9} {:6} records did not decode", "orders", status.sources[0].decode_errors);
    Ok(())
}
