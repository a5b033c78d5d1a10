//! Events as they appear, as server-sent events: each once, in the order in which they appear on all nodes, for as long as who asked may see
//! them.

use std::time::Duration;

use axum::body::Body;
use http::{Method, Response};
use http_body_util::BodyExt as _;
use safeconduct_server::settings::FollowSettings;
use serde_json::Value;

use crate::administrators::{Admin, told};

const FOLLOW: &str = "/admin/v1/events/follow";

/// A stream, as it is read.
struct Stream {
    response: Response<Body>,
}

/// What a stream says: where to go on, and of which events.
#[derive(Debug, Default)]
struct Said {
    id: String,
    kinds: Vec<String>,
}

impl Said {
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        for line in text.lines() {
            if let Some(id) = line.strip_prefix("id: ") {
                id.clone_into(&mut said.id);
            }
            if let Some(data) = line.strip_prefix("data: ") {
                let event: Value = serde_json::from_str(data).unwrap();
                said.kinds.push(event["kind"].as_str().unwrap().to_owned());
            }
        }
        said
    }
}

impl Stream {
    /// The next part; `None` at the end.
    async fn next(&mut self) -> Option<String> {
        let frame = self.response.body_mut().frame().await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    async fn said(&mut self) -> Said {
        Said::read(&self.next().await.unwrap())
    }
}

impl Admin {
    async fn follow(&self, path: &str) -> Stream {
        let response = self.unread(&Method::GET, path).await;
        assert_eq!(response.status(), 200);
        Stream { response }
    }

    async fn lock_bob(&self) {
        self.server.lock_user("bob").await;
    }
}

/// Attacks: AD58.
#[tokio::test]
async fn events_are_followed_as_they_appear_and_from_where_the_stream_was_lost() {
    let admin = Admin::at_the_command_line().await;
    let mut stream = admin.follow(FOLLOW).await;
    let headers = stream.response.headers();
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert_eq!(headers["cache-control"], "no-store");
    let begun = stream.next().await.unwrap();
    assert!(begun.starts_with("retry: 3000\nid: "), "{begun}");
    assert!(begun.ends_with("\n\n"), "{begun}");

    // The request of the second began five seconds before that of the first: its name is smaller.
    let (bob, store) = (admin.server.user("bob").await, admin.server.store());
    let now = admin.server.now();
    store.lock_user(&bob, now.plus(5)).await.unwrap();
    let first = stream.said().await;
    assert_eq!(first.kinds, ["user-locked"]);
    store.unlock_user(&bob, now).await.unwrap();
    assert_eq!(stream.said().await.kinds, ["user-unlocked"]);
    drop(stream);

    // The connection is lost, and what happens meanwhile is told by another node.
    admin.lock_bob().await;
    let beside = [("last-event-id", first.id.as_str())];
    let path = format!("{FOLLOW}?once=true");
    let rest = admin.send_beside(&Method::GET, &path, None, &beside).await;
    assert_eq!(
        Said::read(&rest.body).kinds,
        ["user-unlocked", "user-locked"]
    );
    let other = admin.server.another_node().await;
    let request = admin.proven(&Method::GET, &path, &beside);
    let rest = crate::administrators::send(&other, request).await;
    let rest = Said::read(&rest.body);
    assert_eq!(rest.kinds, ["user-unlocked", "user-locked"]);

    // Behind the last one there is nothing, and of other kinds there is only where to go on.
    let path = format!("{FOLLOW}?kind=user-deleted");
    let mut others = admin.follow(&path).await;
    let begun = others.said().await;
    admin.server.unlock_user("bob").await;
    let passed = others.said().await;
    assert!(passed.kinds.is_empty() && passed.id != begun.id);
    let of_another = admin
        .get(&format!("{FOLLOW}?once=true&cursor={}", passed.id))
        .await;
    assert_eq!(told(&of_another), "400 cursor-refused");
    for wrong in ["x", "sc_lc_AAAA", &rest.id[..rest.id.len() - 4]] {
        let answer = admin.get(&format!("{FOLLOW}?cursor={wrong}")).await;
        assert_eq!(told(&answer), "400 cursor-refused", "{wrong}");
    }
}

#[tokio::test]
async fn a_stream_ends_with_what_it_was_asked_for_with() {
    let admin = Admin::at_the_command_line().await;
    let mut stream = admin.follow(FOLLOW).await;
    stream.said().await;
    // The token ends.
    admin.server.advance(301);
    admin.lock_bob().await;
    assert_eq!(stream.next().await, None);

    let admin = Admin::at_the_command_line().await;
    let mut stream = admin.follow(FOLLOW).await;
    stream.said().await;
    admin.server.unlock_user("bob").await;
    admin.server.lock_user("ada").await;
    assert_eq!(stream.next().await, None, "she is told of nothing any more");

    let admin = Admin::at_the_command_line().await;
    let mut stream = admin.follow(FOLLOW).await;
    stream.said().await;
    admin.server.server().stop_waiting();
    assert_eq!(stream.next().await, None, "the node stops");
}

#[tokio::test]
async fn there_is_an_end_to_the_streams_of_one_asker() {
    let admin = Admin::at_the_command_line().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        streams.push(admin.follow(FOLLOW).await);
    }
    assert_eq!(told(&admin.get(FOLLOW).await), "503 overloaded");
    streams.pop();
    streams.push(admin.follow(FOLLOW).await);
}

#[tokio::test]
async fn a_stream_on_which_nothing_happens_says_so() {
    let mut admin = Admin::at_the_command_line().await;
    admin.server = admin
        .server
        .another_node_with(|settings| {
            let api = settings.administration.as_mut().unwrap();
            api.follow = FollowSettings {
                comment: Duration::from_millis(1),
                once: Duration::from_millis(1),
            };
        })
        .await;
    let mut stream = admin.follow(FOLLOW).await;
    let begun = stream.said().await;
    for _ in 0..2 {
        assert_eq!(stream.next().await.as_deref(), Some(":\n\n"));
    }
    // One that is to end with the first events ends without any.
    let path = format!("{FOLLOW}?once=true");
    let beside = [("last-event-id", begun.id.as_str())];
    let once = admin.send_beside(&Method::GET, &path, None, &beside).await;
    let once = Said::read(&once.body);
    assert!(once.kinds.is_empty() && !once.id.is_empty());
}
