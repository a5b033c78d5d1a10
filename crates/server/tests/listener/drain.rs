//! What becomes of a connection that was used before, when the server is told to stop.

use super::*;

/// A connection on which one request was answered.
async fn used(listener: &TestListener) -> TcpStream {
    let mut stream = listener
        .send(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;
    one_answer(&mut stream).await;
    stream
}

/// Attacks: RU20.
#[tokio::test]
async fn a_head_that_has_begun_is_read_and_answered() {
    let listener = TestListener::open(no_limits()).await;
    let mut stream = used(&listener).await;
    stream
        .write_all(b"POST /length HTTP/1.1\r\nhost: x\r\ncontent-le")
        .await
        .unwrap();
    // Another connection that was answered later: the half head has arrived.
    listener.assert_serves().await;
    listener.shutdown.send(()).unwrap();
    // The listener is closed at once, so that nothing new is taken while the old is finished.
    refused(listener.address).await;
    stream.write_all(b"ngth: 4\r\n\r\nfour").await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    drop(stream);
    assert_eq!(listener.served.await.unwrap(), Drained { cut: 0 });
}

/// Attacks: RU20.
#[tokio::test]
async fn a_request_that_was_sent_before_the_end_is_answered() {
    let listener = TestListener::open(no_limits()).await;
    let mut stream = used(&listener).await;
    // No other task runs between the two: the server learns of both at once.
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    listener.shutdown.send(()).unwrap();
    let answer = one_answer(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// An end in between says so (RFC 9112 §9.6): a request that crosses it meets no reset.
#[tokio::test]
async fn an_idle_connection_is_ended_on_our_side_first() {
    let listener = TestListener::open(no_limits()).await;
    let mut stream = used(&listener).await;
    listener.shutdown.send(()).unwrap();
    assert_eq!(until_closed(&mut stream).await, "");
    stream
        .write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    drop(stream);
    assert_eq!(listener.served.await.unwrap(), Drained { cut: 0 });
}

async fn refused(address: SocketAddr) {
    timeout(PATIENCE, async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}
