//! Finds out about the other ends of connections that are gone without a word: a network that was left, a machine that lost
//! power. Nothing above TCP would, where a connection may be silent for hours.

use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl};
use std::{io, os::fd::AsFd, time::Duration};

/// Silence before the other end is asked.
const IDLE: Duration = Duration::from_mins(1);
/// Time between two questions.
const INTERVAL: Duration = Duration::from_secs(15);
/// Questions without an answer that end a connection.
const QUESTIONS: u32 = 4;

/// Has the other end asked by the kernel. What a listening socket is told holds for each connection that it accepts.
pub fn keep_asking(socket: &impl AsFd) -> io::Result<()> {
    set_socket_keepalive(socket, true)?;
    set_tcp_keepidle(socket, IDLE)?;
    set_tcp_keepintvl(socket, INTERVAL)?;
    set_tcp_keepcnt(socket, QUESTIONS)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::sockopt::{socket_keepalive, tcp_keepidle};
    use std::net::{Ipv4Addr, TcpListener, TcpStream};

    #[test]
    fn a_connection_is_watched_as_its_listener_is() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        keep_asking(&listener).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();

        let (accepted, _) = listener.accept().unwrap();

        assert_eq!((socket_keepalive(&accepted).unwrap(), tcp_keepidle(&accepted).unwrap()), (true, IDLE));
        assert!(!socket_keepalive(&client).unwrap(), "by itself none is");
    }
}
