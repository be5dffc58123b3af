//! A schema registry in memory that speaks Confluent's REST API, for tests of everything that asks one: schemas by
//! id, GUID and version, references, lookups, a naive rule of compatibility. It can be made to fail as real ones
//! do. Knows nothing of the product.

mod api;
mod compatibility;
mod http;
mod serialized;
mod store;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Answer, Request};
use store::Store;

/// A way to fail.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this status, and an error code made of it.
    Status(u16),
    /// Answers 200 with this body.
    Body(String),
    /// Answers as ever, after this time.
    Delay(Duration),
    /// Hangs up without an answer.
    Down,
}

/// A running registry; it stops when dropped.
pub struct TestRegistry {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct State {
    store: Store,
    /// What happens to so many requests.
    fault: Option<(Fault, usize)>,
    authorization: Option<String>,
    requests: Vec<String>,
}

impl TestRegistry {
    /// A registry without schemas, on a free port.
    pub fn start() -> TestRegistry {
        TestRegistry::start_at(0)
    }

    /// A registry on this port of 127.0.0.1.
    ///
    /// # Panics
    /// Where the port is taken.
    pub fn start_at(port: u16) -> TestRegistry {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|e| panic!("port {port}: {e}"));
        let address = listener.local_addr().unwrap_or_else(|e| panic!("port {port}: {e}"));
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        TestRegistry { address, shared }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next `times` requests meet this fault.
    pub fn fail(&self, fault: Fault, times: usize) {
        self.shared.state().fault = Some((fault, times));
    }

    /// No more faults.
    pub fn heal(&self) {
        self.shared.state().fault = None;
    }

    /// From now on requests need this `Authorization` header.
    pub fn require(&self, authorization: &str) {
        self.shared.state().authorization = Some(authorization.to_owned());
    }

    /// The requests so far, as `GET /path?query`, those that met a fault included; forgets them.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().requests)
    }
}

impl Drop for TestRegistry {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        // Whoever accepts must wake to see it; a connection that fails has woken nobody, as nobody is there.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in a test leaves nothing half done in here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the request; gives the fault that it meets.
    fn arrived(&self, request: &Request) -> Option<Fault> {
        let mut state = self.state();
        state.requests.push(format!("{} {}", request.method, request.target));
        let (fault, times) = state.fault.as_mut().filter(|(_, times)| *times > 0)?;
        *times -= 1;
        Some(fault.clone())
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let wanted = state.authorization.as_deref();
        if wanted.is_some() && request.authorization.as_deref() != wanted {
            return api::error(40101, "Unauthorized");
        }
        api::answer(&mut state.store, request)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        std::thread::spawn(move || serve(stream, &shared));
    }
}

/// Requests of one connection, one after the other.
fn serve(stream: TcpStream, shared: &Shared) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = std::io::BufReader::new(stream);
    while let Some(request) = http::read(&mut reader) {
        if shared.stopped.load(Ordering::Acquire) {
            return;
        }
        let answer = match shared.arrived(&request) {
            Some(Fault::Down) => return,
            Some(Fault::Status(status)) => api::error(u32::from(status) * 100, "made to fail"),
            Some(Fault::Body(body)) => Answer { status: 200, body },
            Some(Fault::Delay(time)) => {
                std::thread::sleep(time);
                shared.answer(&request)
            }
            None => shared.answer(&request),
        };
        if http::write(&mut writer, &answer).is_err() {
            return;
        }
    }
}
