//! Lists: what filters find, in which order, and page by page.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Directory, filtered, told};

/// Attacks: AD01, AD02, AD05.
#[tokio::test]
async fn a_filter_finds_what_it_says_and_nothing_else() {
    let directory = Directory::start().await;
    let email = json!({
        "userName": "grace",
        "emails": [{"value": "Grace@Example.com", "type": "work"}],
        "displayName": "Grace",
        "name": {"familyName": "Hopper"},
    });
    directory.send(Method::POST, "/Users", email).await;
    for (filter, finds) in [
        ("userName eq \"8e2a-random\"", 0),
        ("userName eq \"ADA\"", 1),
        ("userName eq \"a' OR 1=1\"", 0),
        ("userName eq \"\\u0000\"", 0),
        ("userName sw \"%\"", 0),
        ("userName sw \"A\"", 1),
        ("userName co \"a\"", 2),
        ("emails[type eq \"work\"].value eq \"grace@example.com\"", 1),
        ("emails[type eq \"home\"].value eq \"grace@example.com\"", 0),
        ("emails.value eq \"GRACE@example.com\"", 1),
        ("emails eq \"nobody@example.com\"", 0),
        ("displayName eq \"grace\"", 1),
        ("name.familyName sw \"hop\" and active eq true", 1),
        (
            "userName eq \"ada\" or userName eq \"bob\" or userName eq \"ada\"",
            2,
        ),
        ("not (userName eq \"ada\")", 3),
        ("userName eq \"ada\" and active eq false", 0),
        ("meta.created gt \"2020-01-01T00:00:00Z\"", 4),
        ("id eq \"u-1\"", 0),
        ("externalId eq \"1\"", 0),
    ] {
        assert_eq!(
            directory.found("/Users", filter).await.len(),
            finds,
            "{filter}"
        );
    }
    let nothing = directory
        .get(&filtered("/Users", "userName eq \"nobody\""))
        .await;
    assert_eq!(nothing.status, 200);
    assert!(
        nothing.body.contains("\"totalResults\":0") && nothing.body.contains("\"Resources\":[]")
    );
}

/// Attacks: AD04, AD06, AD07.
#[rstest]
#[case("password sw \"a\"")]
#[case("admin eq true")]
#[case("userName")]
#[case(&"(".repeat(1000))]
#[case(&format!("{}junk", "not (".repeat(1000)))]
#[case(&["userName pr"; 65].join(" and "))]
#[tokio::test]
async fn a_filter_that_is_none_is_refused(#[case] filter: &str) {
    let directory = Directory::start().await;
    for path in ["/Users", "/Groups"] {
        let refused = directory.get(&filtered(path, filter)).await;
        assert_eq!(told(&refused), "400 invalidFilter", "{path}");
    }
    let search = json!({"filter": filter});
    for path in ["/Users/.search", "/.search"] {
        let refused = directory.send(Method::POST, path, search.clone()).await;
        assert_eq!(told(&refused), "400 invalidFilter", "{path}");
    }
    assert_eq!(
        directory.get("/Users?count=0").await.json()["totalResults"],
        3
    );
}

fn names(list: &Value) -> Vec<String> {
    let users = list["Resources"].as_array().unwrap().iter();
    users
        .map(|user| user["userName"].as_str().unwrap().to_owned())
        .collect()
}

/// Attacks: AD30.
#[tokio::test]
async fn a_page_holds_what_is_asked_for() {
    let directory = Directory::start().await;
    let of = async |query: &str| {
        let list = directory
            .get(&format!("/Users?sortBy=userName&{query}"))
            .await
            .json();
        assert_eq!(list["totalResults"], 3, "{list}");
        names(&list)
    };
    assert_eq!(of("").await, ["ada", "bob", "eve"]);
    assert_eq!(of("count=0").await, [""; 0]);
    assert_eq!(of("count=-1").await, [""; 0]);
    assert_eq!(of("count=1000000000").await, ["ada", "bob", "eve"]);
    assert_eq!(of("startIndex=-3&count=2").await, ["ada", "bob"]);
    assert_eq!(of("startIndex=2&count=1").await, ["bob"]);
    assert_eq!(of("startIndex=4").await, [""; 0]);
    assert_eq!(of("startIndex=9223372036854775807").await, [""; 0]);
    assert_eq!(
        of("sortOrder=descending&startIndex=2").await,
        ["bob", "ada"]
    );
    assert_eq!(of("attributes=userName&sortOrder=ascending").await.len(), 3);
    assert_eq!(
        told(&directory.get("/Users?count=x").await),
        "400 invalidValue"
    );
}

/// Every page of a list by cursor, and what comes between two of them.
async fn all_by_cursor(
    directory: &Directory,
    query: &str,
    between: &mut dyn AsyncBetween,
) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = directory
            .get(&format!("/Users?count=2&cursor={cursor}{query}"))
            .await;
        assert_eq!(page.status, 200, "{page:?}");
        let page = page.json();
        assert!(page["Resources"].as_array().unwrap().len() <= 2, "{page}");
        all.extend(names(&page));
        let Some(next) = page["nextCursor"].as_str() else {
            return all;
        };
        cursor = next.to_owned();
        between.happens();
    }
}

/// What happens while a list is read.
trait AsyncBetween {
    fn happens(&mut self);
}

impl<F: FnMut()> AsyncBetween for F {
    fn happens(&mut self) {
        self();
    }
}

/// Attacks: AD31, AD32.
#[tokio::test]
async fn whatever_is_written_between_two_pages_nobody_comes_twice_or_is_lost() {
    let directory = Directory::start().await;
    for number in 0..5 {
        directory.user(&format!("user-{number}")).await;
    }
    let mut pages = 0;
    let mut count = || pages += 1;
    let mut all = all_by_cursor(&directory, "", &mut count).await;
    all.sort();
    assert_eq!(
        all,
        [
            "ada", "bob", "eve", "user-0", "user-1", "user-2", "user-3", "user-4"
        ]
    );
    assert_eq!(pages, 3);
    let by_name = all_by_cursor(&directory, "&sortBy=userName", &mut || {}).await;
    assert_eq!(by_name, all);
    let down = all_by_cursor(
        &directory,
        "&sortBy=userName&sortOrder=descending",
        &mut || {},
    )
    .await;
    assert!(down.iter().rev().eq(&all), "{down:?}");
    let by_other = all_by_cursor(&directory, "&sortBy=displayName", &mut || {}).await;
    assert_eq!(by_other.len(), all.len());
    let filtered =
        all_by_cursor(&directory, "&filter=userName%20sw%20%22user%22", &mut || {}).await;
    assert_eq!(filtered.len(), 5);

    // Between two pages one who was read goes, one is renamed to the front, and one comes.
    let first = directory.get("/Users?count=4&cursor=").await.json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let read = names(&first);
    let rest: Vec<String> = all
        .iter()
        .filter(|name| !read.contains(name))
        .cloned()
        .collect();
    directory.server.delete_user(&read[0]).await;
    let renamed = directory.path_of(&rest[0]).await;
    directory
        .send(Method::PUT, &renamed, json!({"userName": "aaa"}))
        .await;
    let second = directory
        .get(&format!("/Users?count=10&cursor={cursor}"))
        .await
        .json();
    let second = names(&second);
    assert!(second.contains(&"aaa".to_owned()), "{second:?}");
    for name in &rest[1..] {
        assert!(second.contains(name), "{second:?}");
    }
    assert!(read.iter().all(|name| !second.contains(name)), "{second:?}");

    // A cursor is of its own list, and good for an hour.
    for (query, kind) in [
        (
            format!("/Users?cursor={cursor}&filter=active%20eq%20true"),
            "400 invalidCursor",
        ),
        (
            format!("/Users?cursor={cursor}&sortBy=userName"),
            "400 invalidCursor",
        ),
        (format!("/Groups?cursor={cursor}"), "400 invalidCursor"),
        ("/Users?cursor=x".to_owned(), "400 invalidCursor"),
        ("/Users?cursor=&startIndex=1".to_owned(), "400 invalidValue"),
        ("/Users?cursor=&count=x".to_owned(), "400 invalidCount"),
    ] {
        assert_eq!(told(&directory.get(&query).await), kind, "{query}");
    }
}

#[tokio::test]
async fn a_search_is_a_list_and_at_the_base_one_of_both() {
    let directory = Directory::start().await;
    directory
        .send(Method::POST, "/Groups", json!({"displayName": "Staff"}))
        .await;
    let search = |path: &'static str, body: Value| directory.send(Method::POST, path, body);
    let schema = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
    let users = search(
        "/Users/.search",
        json!({"schemas": [schema], "filter": "userName eq \"ada\"", "attributes": ["userName"]}),
    )
    .await;
    let users = users.json();
    assert_eq!(names(&users), ["ada"]);
    assert_eq!(
        users["Resources"][0].as_object().unwrap().len(),
        3,
        "{users}"
    );
    let both = search("/.search", json!({"schemas": [schema], "count": 10}))
        .await
        .json();
    assert_eq!(
        (
            &both["totalResults"],
            both["Resources"].as_array().unwrap().len()
        ),
        (&4.into(), 4)
    );
    let last = search("/.search", json!({"startIndex": 4})).await.json();
    assert_eq!(last["Resources"][0]["displayName"], "Staff", "{last}");
    let one = search("/.search", json!({"filter": "displayName eq \"Staff\""}))
        .await
        .json();
    assert_eq!(one["totalResults"], 1);
    let groups = search(
        "/.search",
        json!({"filter": "meta.resourceType eq \"Group\""}),
    )
    .await
    .json();
    assert_eq!(groups["totalResults"], 1);
    assert_eq!(
        told(&search("/.search", json!({"cursor": ""})).await),
        "400 invalidCursor"
    );
    assert_eq!(
        told(&search("/.search", json!({"schemas": ["urn:x"]})).await),
        "400 invalidSyntax"
    );
}
