//! Ports that are bound before there is a server to answer on them.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use crate::cli::failure::Failure;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A port that is bound and not listened on: until there is a server to answer, a client that connects is refused at once, and goes to
/// another node.
pub(super) struct Reserved {
    socket: TcpSocket,
    address: SocketAddr,
    flag: &'static str,
}

impl Reserved {
    /// Binds `address`, which came by `flag`.
    ///
    /// # Errors
    /// It can't be bound; what to do about it.
    pub(super) fn new(address: SocketAddr, flag: &'static str) -> Result<Self, Failure> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        };
        let bound = socket.and_then(|socket| {
            // What the last server has left behind is no hindrance; another listener is.
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            Ok(socket)
        });
        let socket = bound.map_err(|error| taken(address, flag, &error))?;
        Ok(Self {
            socket,
            address,
            flag,
        })
    }

    /// Lets clients connect.
    ///
    /// # Errors
    /// Another listens there by now.
    pub(super) fn listen(self) -> Result<TcpListener, Failure> {
        let listener = self.socket.listen(BACKLOG);
        listener.map_err(|error| taken(self.address, self.flag, &error))
    }
}

fn taken(address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        ErrorKind::AddrInUse => {
            "another program listens there: stop it, or choose another address with "
        }
        ErrorKind::AddrNotAvailable => "this machine has no such address: choose another with ",
        ErrorKind::PermissionDenied => "ports below 1024 need a privilege: choose another with ",
        _ => "choose another with ",
    };
    Failure::Failed(format!(
        "{address} can't be listened on: {error}\n    {advice}{flag}"
    ))
}
