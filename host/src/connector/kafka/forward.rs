//! A port of ours that leads to another one of this machine: the embedded broker takes whichever port is free, and a
//! script wants one that it knows. Knows nothing of what is said.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// Connections at once; further ones are closed. Clients come here for the address of the broker and go there.
const CONNECTIONS: usize = 64;
/// After an accept that failed: too many files are open, most likely.
const REST: Duration = Duration::from_millis(100);

/// Forwards connections to `port` of the loopback to `to`, as long as the process runs.
///
/// # Errors
/// The port is not free.
pub(super) fn forward(port: u16, to: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let open = Arc::new(AtomicUsize::new(0));
    let accept = move || {
        for accepted in listener.incoming() {
            let Ok(client) = accepted else {
                thread::sleep(REST);
                continue;
            };
            if open.load(Relaxed) >= CONNECTIONS {
                continue;
            }
            open.fetch_add(1, Relaxed);
            let counted = Counted(Arc::clone(&open));
            let serve = move || {
                // Either side may go at any time; that is not worth a word.
                let _ = connect(&client, to);
                drop(counted);
            };
            // Without a thread the connection is closed, and its client tries again.
            let _ = thread::Builder::new().name("forward".into()).spawn(serve);
        }
    };
    thread::Builder::new().name("forward-port".into()).spawn(accept).map(drop)
}

/// Counts a connection until it ends.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Copies both ways until both have ended.
fn connect(client: &TcpStream, to: SocketAddr) -> io::Result<()> {
    let broker = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    thread::scope(|scope| {
        scope.spawn(|| copy(client, &broker));
        copy(&broker, client);
    });
    Ok(())
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn what_is_said_to_the_port_is_heard_behind_it_and_a_taken_port_is_told() {
        let behind = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        forward(free, behind.local_addr().unwrap()).unwrap();
        assert!(forward(free, behind.local_addr().unwrap()).is_err());
        let mut client = TcpStream::connect(("127.0.0.1", free)).unwrap();
        client.write_all(b"ask").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let (mut server, mut heard, mut answer) = (behind.accept().unwrap().0, String::new(), String::new());
        server.read_to_string(&mut heard).unwrap();
        server.write_all(b"answer").unwrap();
        drop(server);
        client.read_to_string(&mut answer).unwrap();
        assert_eq!((heard.as_str(), answer.as_str()), ("ask", "answer"));
    }
}
