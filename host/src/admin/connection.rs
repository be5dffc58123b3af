//! Connections that cannot be held for nothing: a bounded number of them, each closed when it goes too long
//! without a whole request head or when the other side does not take its answer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};

/// Connections at once; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 512;

/// How long a connection may keep us waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Without a whole request head, from its start or from the last answer.
    pub(super) head: Duration,
    /// Without taking anything of an answer.
    pub(super) write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { head: Duration::from_secs(20), write: Duration::from_secs(30) }
    }
}

/// What the request handling tells the connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The other side.
    pub(super) address: SocketAddr,
    /// A request's head has come and its answer is not made yet.
    busy: Arc<AtomicBool>,
}

impl Peer {
    /// Marks the time in which the connection waits for us, not we for it; it ends when the guard is dropped.
    pub(super) fn busy(&self) -> Busy {
        self.busy.store(true, Ordering::Relaxed);
        Busy(Arc::clone(&self.busy))
    }
}

/// See [`Peer::busy`].
pub(super) struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.io().peer.clone()
    }
}

/// Accepts connections.
pub(super) struct Door {
    listener: TcpListener,
    patience: Patience,
    room: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(listener: TcpListener, patience: Patience) -> Self {
        Door { listener, patience, room: Arc::new(Semaphore::new(MOST_CONNECTIONS)) }
    }
}

impl Listener for Door {
    type Io = Guarded;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guarded, SocketAddr) {
        let room = Arc::clone(&self.room).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small and whole: waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let peer = Peer { address, busy: Arc::default() };
        (Guarded::new(stream, peer, self.patience, room), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that gives up.
pub(super) struct Guarded {
    stream: TcpStream,
    peer: Peer,
    patience: Patience,
    /// When we give up waiting to read. Moved on while the request is being worked on.
    read_until: Pin<Box<Sleep>>,
    was_busy: bool,
    /// When we give up waiting to write; `None` while nothing waits.
    write_until: Option<Pin<Box<Sleep>>>,
    _room: OwnedSemaphorePermit,
}

impl Guarded {
    fn new(stream: TcpStream, peer: Peer, patience: Patience, room: OwnedSemaphorePermit) -> Self {
        let read_until = Box::pin(tokio::time::sleep(patience.head));
        Guarded { stream, peer, patience, read_until, was_busy: false, write_until: None, _room: room }
    }

    fn poll_reading_too_long(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let busy = self.peer.busy.load(Ordering::Relaxed);
        if busy || self.was_busy {
            self.was_busy = busy;
            self.read_until.as_mut().reset(Instant::now() + self.patience.head);
        }
        if busy {
            return Poll::Pending;
        }
        ready!(self.read_until.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "no request within the time"))
    }

    /// Something of an answer was taken: neither side waits for the other.
    fn wrote(&mut self) {
        self.write_until = None;
        self.was_busy = true;
    }

    fn poll_writing_too_long<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let wait = self.patience.write;
        let until = self.write_until.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        ready!(until.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer is not taken")))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(cx, buf) {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => this.poll_reading_too_long(cx).map(Err),
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write(cx, buf) {
            Poll::Ready(done) => {
                this.wrote();
                Poll::Ready(done)
            }
            Poll::Pending => this.poll_writing_too_long(cx),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_write_vectored(cx, bufs) {
            Poll::Ready(done) => {
                this.wrote();
                Poll::Ready(done)
            }
            Poll::Pending => this.poll_writing_too_long(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
