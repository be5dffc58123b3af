//! The registry as a program, for a look at it with other clients: `sabot-test-registry [PORT]` prints its URL and
//! runs until it is killed.

use sabot_test_registry::TestRegistry;

fn main() {
    let port = std::env::args().nth(1).map_or(Ok(0), |text| text.parse());
    let port = port.unwrap_or_else(|error| {
        eprintln!("usage: sabot-test-registry [PORT]: {error}");
        std::process::exit(2);
    });
    let registry = TestRegistry::start_at(port);
    println!("{}", registry.url());
    loop {
        std::thread::park();
    }
}
