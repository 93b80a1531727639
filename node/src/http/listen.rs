//! A listener that bounds how many connections are open and how long one may be silent.
//!
//! ```text
//! accept ─► Seats: one is free, or the one that was answered longest ago ends ─► Quiet: ends after silence
//! ```
//! So clients that send slowly, or never read, take nobody's place for long: whoever comes anew and asks at
//! once has an answer before so many others have come.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Connections beyond the seats that may be on their way out.
const LEAVING_MAX: usize = 16;

/// Takes connections, and ends the one that was answered longest ago once there are too many.
#[derive(Debug)]
pub(super) struct Bounded {
    listener: TcpListener,
    seats: Arc<Seats>,
    /// Bounds what is open even if those who shall leave are slow to go.
    permits: Arc<Semaphore>,
    silence_max: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, connections: usize, silence_max: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(connections + LEAVING_MAX));
        Self { listener, seats: Arc::new(Seats::new(connections)), permits, silence_max }
    }
}

impl Listener for Bounded {
    type Io = Quiet;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Quiet, SocketAddr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("the semaphore is never closed");
        // `Listener::accept` of the socket itself retries what is transient.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Small answers, one at a time: waiting for more to send only costs.
        let _ = stream.set_nodelay(true);
        let (silence_max, timer) = (self.silence_max, Box::pin(sleep(self.silence_max)));
        let seat = Seats::take(&self.seats);
        (Quiet { stream, timer, silence_max, seat, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Who is connected.
#[derive(Debug)]
struct Seats {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    /// Counts moments: each time that a connection begins or is written to.
    now: u64,
    /// By the last such moment.
    by_moment: BTreeMap<u64, Arc<Leave>>,
}

/// How a connection is told to end.
#[derive(Debug, Default)]
struct Leave {
    told: AtomicBool,
    waker: AtomicWaker,
}

impl Seats {
    fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    /// A seat for a new connection.
    fn take(seats: &Arc<Self>) -> Seat {
        let leave = Arc::new(Leave::default());
        let moment = seats.change(|taken| {
            if taken.by_moment.len() >= seats.most
                && let Some((_, stalest)) = taken.by_moment.pop_first()
            {
                stalest.told.store(true, Ordering::Release);
                stalest.waker.wake();
            }
            taken.sit(Arc::clone(&leave))
        });
        Seat { seats: Arc::clone(seats), leave, moment }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Taken) -> T) -> T {
        // Nothing that is done with it can panic halfway.
        change(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Taken {
    fn sit(&mut self, leave: Arc<Leave>) -> u64 {
        self.now += 1;
        self.by_moment.insert(self.now, leave);
        self.now
    }
}

/// A connection's place among the others.
#[derive(Debug)]
struct Seat {
    seats: Arc<Seats>,
    leave: Arc<Leave>,
    moment: u64,
}

impl Seat {
    /// The connection was answered just now.
    fn answered(&mut self) {
        self.moment = self.seats.change(|taken| match taken.by_moment.remove(&self.moment) {
            Some(leave) => taken.sit(leave),
            None => self.moment,
        });
    }

    /// Whether it has to end; if not, `context` hears of it.
    fn must_leave(&self, context: &Context<'_>) -> bool {
        self.leave.waker.register(context.waker());
        self.leave.told.load(Ordering::Acquire)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.change(|taken| taken.by_moment.remove(&self.moment));
    }
}

/// A connection that ends when nothing was read or written for a while, or when its seat is needed.
#[derive(Debug)]
pub(super) struct Quiet {
    stream: TcpStream,
    timer: Pin<Box<Sleep>>,
    silence_max: Duration,
    seat: Seat,
    _permit: OwnedSemaphorePermit,
}

impl Quiet {
    /// Passes on what the stream says; waiting is an error once the time is up.
    fn watch<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            let until = Instant::now() + self.silence_max;
            self.timer.as_mut().reset(until);
            return polled;
        }
        if self.seat.must_leave(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        match self.timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Quiet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(polled, context)
    }
}

impl AsyncWrite for Quiet {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.seat.answered();
        }
        self.watch(polled, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Answers a byte with a byte.
    async fn echo(mut connection: Quiet) {
        let mut byte = [0];
        while matches!(connection.read(&mut byte).await, Ok(1..)) {
            if connection.write_all(&byte).await.is_err() {
                return;
            }
        }
    }

    async fn serve(connections: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut bounded = Bounded::new(listener, connections, LONG);
        let address = bounded.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                tokio::spawn(echo(bounded.accept().await.0));
            }
        });
        address
    }

    async fn ask(stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(b"x").await?;
        stream.read_exact(&mut [0]).await.map(drop)
    }

    async fn is_ended(stream: &mut TcpStream) -> bool {
        !matches!(stream.read(&mut [0]).await, Ok(1..))
    }

    #[tokio::test]
    async fn silent_ones_give_way_to_whoever_asks() {
        let address = serve(4).await;
        let mut silent = Vec::new();
        for _ in 0..4 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut asking = Vec::new();
        for first in &mut silent {
            let mut new = TcpStream::connect(address).await.unwrap();
            ask(&mut new).await.unwrap();
            asking.push(new);
            let ended = timeout(LONG / 2, is_ended(first)).await;
            assert_eq!(ended, Ok(true), "it was there first and had no answer");
        }
    }

    #[tokio::test]
    async fn the_one_answered_longest_ago_leaves() {
        let address = serve(2).await;
        let (mut old, mut idle) = (
            TcpStream::connect(address).await.unwrap(),
            TcpStream::connect(address).await.unwrap(),
        );
        ask(&mut idle).await.unwrap();
        ask(&mut old).await.unwrap();
        let mut new = TcpStream::connect(address).await.unwrap();
        assert_eq!(timeout(LONG / 2, is_ended(&mut idle)).await, Ok(true));
        ask(&mut old).await.unwrap();
        ask(&mut new).await.unwrap();
    }

    #[tokio::test]
    async fn whoever_goes_leaves_a_free_seat() {
        let address = serve(2).await;
        let mut stays = TcpStream::connect(address).await.unwrap();
        ask(&mut stays).await.unwrap();
        for _ in 0..20 {
            let mut guest = TcpStream::connect(address).await.unwrap();
            ask(&mut guest).await.unwrap();
            guest.shutdown().await.unwrap();
            assert!(is_ended(&mut guest).await);
        }
        ask(&mut stays).await.unwrap();
    }
}
