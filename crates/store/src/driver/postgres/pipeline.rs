//! Sending first and waiting afterwards: what makes several requests one round trip.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// Polls every request once, in order, which sends it; then gives the answers, which come in the same order.
pub(super) async fn pipelined<F: Future + ?Sized>(
    mut requests: Vec<Pin<Box<F>>>,
) -> Vec<F::Output> {
    let mut answers: Vec<Option<F::Output>> = requests.iter().map(|_| None).collect();
    let mut sent = 0;
    let mut answered = 0;
    poll_fn(move |context| {
        while sent < requests.len() {
            if let Poll::Ready(answer) = requests[sent].as_mut().poll(context) {
                answers[sent] = Some(answer);
            }
            sent += 1;
        }
        while answered < requests.len() {
            if answers[answered].is_none() {
                match requests[answered].as_mut().poll(context) {
                    Poll::Ready(answer) => answers[answered] = Some(answer),
                    Poll::Pending => return Poll::Pending,
                }
            }
            answered += 1;
        }
        Poll::Ready(answers.drain(..).flatten().collect())
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn everything_is_sent_in_order_before_anything_is_awaited() {
        let sent = AtomicUsize::new(0);
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..100).map(|_| oneshot::channel::<usize>()).unzip();
        let requests = receivers.into_iter().map(|receiver| {
            let sent = &sent;
            Box::pin(async move {
                let place = sent.fetch_add(1, Ordering::SeqCst);
                (place, receiver.await.unwrap())
            })
        });
        let answering = async {
            // Nothing was answered yet, and whoever waited for an answer would have stopped at the first.
            assert_eq!(sent.load(Ordering::SeqCst), 100);
            for (answer, sender) in senders.into_iter().enumerate().rev() {
                sender.send(answer).unwrap();
                tokio::task::yield_now().await;
            }
        };
        let (answers, ()) = tokio::join!(pipelined(requests.collect()), answering);
        assert!((0..100).map(|place| (place, place)).eq(answers));
    }
}
