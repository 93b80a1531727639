//! A listener that bounds how many connections are open and how long one may be silent.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

/// Takes a connection only while a permit is free; further ones wait in the system's queue.
#[derive(Debug)]
pub(super) struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    silence_max: Duration,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, connections: usize, silence_max: Duration) -> Self {
        Self { listener, permits: Arc::new(Semaphore::new(connections)), silence_max }
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
        (Quiet { stream, timer, silence_max, _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing was read or written for a while, so that a client that says
/// nothing cannot hold its place.
#[derive(Debug)]
pub(super) struct Quiet {
    stream: TcpStream,
    timer: Pin<Box<Sleep>>,
    silence_max: Duration,
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
        self.watch(polled, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
