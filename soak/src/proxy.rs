//! The network between the nodes and the database: one proxy that passes everything on, holds it back, or cuts, and that can be
//! turned to another server.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use safeconduct_testing_program::free_ports;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// It arrives.
    Passes,
    /// It is held back, and whatever waits hears nothing: a black hole. Once it passes again, it arrives late.
    Swallows,
    /// Every connection is reset, and every new one.
    Cuts,
}

/// A proxy for one node.
pub struct Proxy {
    address: SocketAddr,
    network: Arc<watch::Sender<Network>>,
    target: Arc<watch::Sender<SocketAddr>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// A proxy that passes on to `target`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let [port] = free_ports();
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let network = Arc::new(watch::Sender::new(Network::Passes));
        let target = Arc::new(watch::Sender::new(target));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&network), Arc::clone(&target)));
        Ok(Self {
            address,
            network,
            target,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what becomes of what is sent, from now on, on connections old and new.
    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// Passes new connections on to another server. Those that there are end.
    pub fn turn_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.network.send_replace(Network::Cuts);
    }
}

async fn accept(
    listener: TcpListener,
    network: Arc<watch::Sender<Network>>,
    target: Arc<watch::Sender<SocketAddr>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(pass(stream, network.subscribe(), target.subscribe()));
    }
}

async fn pass(
    near: TcpStream,
    network: watch::Receiver<Network>,
    mut target: watch::Receiver<SocketAddr>,
) {
    let address = *target.borrow_and_update();
    // A connection that ends here is reset: whoever holds the other end learns of it at once.
    let _ = near.set_zero_linger();
    if !passes(&mut network.clone()).await {
        return;
    }
    let Ok(far) = TcpStream::connect(address).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = carry(near_read, far_write, network.clone()) => {}
        () = carry(far_read, near_write, network) => {}
        _ = target.changed() => {}
    }
}

/// Carries one direction until either end is done with it, or the network cuts.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut network: watch::Receiver<Network>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while passes(&mut network).await {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            _ = network.changed() => continue,
        };
        let Ok(read @ 1..) = read else { return };
        // What was read when the network had stopped to pass is held back with the rest.
        if !passes(&mut network).await || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// Waits while the network swallows; `false` once it cuts.
async fn passes(network: &mut watch::Receiver<Network>) -> bool {
    let passing = network.wait_for(|network| *network != Network::Swallows);
    passing
        .await
        .is_ok_and(|network| *network == Network::Passes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// A server that says back what it hears, with its own letter before it.
    async fn echo(letter: u8) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut byte = [0];
                    while stream.read_exact(&mut byte).await.is_ok() {
                        stream.write_all(&[letter, byte[0]]).await.unwrap();
                    }
                });
            }
        });
        address
    }

    async fn say(stream: &mut TcpStream) -> Option<[u8; 2]> {
        let mut answer = [0; 2];
        stream.write_all(b"x").await.ok()?;
        stream.read_exact(&mut answer).await.ok()?;
        Some(answer)
    }

    #[tokio::test]
    async fn it_passes_holds_back_cuts_and_turns() {
        let proxy = Proxy::start(echo(b'a').await).await.unwrap();
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream).await, Some(*b"ax"));

        proxy.set(Network::Swallows);
        stream.write_all(b"y").await.unwrap();
        let mut answer = [0; 2];
        let silence = timeout(Duration::from_millis(50), stream.read_exact(&mut answer)).await;
        assert!(silence.is_err(), "a black hole answered");
        proxy.set(Network::Passes);
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ay");

        proxy.set(Network::Cuts);
        assert_eq!(say(&mut stream).await, None);
        proxy.set(Network::Passes);
        proxy.turn_to(echo(b'b').await);
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(say(&mut stream).await, Some(*b"bx"));
    }
}
