//! Lists of users and groups (RFC 7644 §3.4.2): what an index finds is looked up, a plain list is read page by page, and everything else is
//! looked at in bounded steps, or refused with what would do.
//!
//! A list has an order that nothing changes, by id, unless another is asked for: whatever is written between two pages, no resource comes twice
//! or is lost.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::call::Call;
use super::cursor::{Context, Last};
use super::error::{ScimError, ScimType};
use super::filter::Filter;
use super::query::{Order, Parameters, Place, Query};
use super::schema::ResourceType;
use super::source::{Item, Source, Walk};

/// The most resources that one request looks at to find those of a filter, or to sort them.
pub(crate) const MOST_SCANNED: usize = 10_000;
/// How many it looks at, at most, where a cursor tells where to go on.
const STEP: usize = 2_000;
/// How many are read at a time.
const CHUNK: u32 = 500;

/// The schema of a list.
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// A page of resources.
struct Page {
    items: Vec<Item>,
    /// How many there are on all pages, where that is known.
    total: Option<u64>,
    /// What the page ends with, if there is more behind it.
    last: Option<Last>,
}

/// A page of resources of a kind, as it is sent.
///
/// # Errors
/// What is wrong with the parameters, `tooMany`, or the database's.
pub(crate) async fn list(
    call: &Call,
    kind: ResourceType,
    parameters: &Parameters,
) -> Result<Value, ScimError> {
    let query = parameters.of_kind(kind)?;
    let source = Source { call, kind };
    let bound = parameters.bound();
    let context = Context {
        seal: call.seal(),
        era: call.era(),
        now: call.now,
        list: [call.asker(), kind.name(), &bound],
    };
    let after = match &query.place {
        Place::Cursor(cursor) => context.open(cursor)?,
        Place::Offset(_) => None,
    };
    let page = page(&source, &query, after).await?;
    let resources = rendered(&source, &query, page.items).await?;
    let mut answer = json!({"schemas": [LIST], "itemsPerPage": resources.len()});
    if let Some(total) = page.total {
        answer["totalResults"] = total.into();
    }
    match (&query.place, page.last) {
        (Place::Offset(offset), _) => answer["startIndex"] = offset.saturating_add(1).into(),
        (Place::Cursor(_), Some(last)) => answer["nextCursor"] = context.behind(last)?.into(),
        (Place::Cursor(_), None) => {}
    }
    answer["Resources"] = Value::Array(resources);
    Ok(answer)
}

/// A page of users and groups together (RFC 7644 §3.4.2.1): users first.
///
/// # Errors
/// As [`list`]; and `invalidCursor`, for there are none.
pub(crate) async fn search(call: &Call, parameters: &Parameters) -> Result<Value, ScimError> {
    if parameters.cursor.is_some() {
        let told = "Cursors are for /Users and /Groups.";
        return Err(ScimError::of(ScimType::InvalidCursor, told));
    }
    let kinds = [ResourceType::User, ResourceType::Group];
    let asked = kinds.map(|kind| parameters.of_kind(kind).map(|query| (kind, query)));
    // What one of them does not have, it has nothing of.
    if let [Err(error), Err(_)] = &asked {
        return Err(error.clone());
    }
    let (mut resources, mut total, mut start) = (Vec::new(), 0, 1);
    for (kind, mut query) in asked.into_iter().flatten() {
        let Place::Offset(offset) = query.place else {
            continue;
        };
        start = offset.saturating_add(1);
        query.place = Place::Offset(offset.saturating_sub(total));
        query.count = query.count.saturating_sub(resources.len());
        let source = Source { call, kind };
        let page = page(&source, &query, None).await?;
        total += page.total.unwrap_or_default();
        resources.extend(rendered(&source, &query, page.items).await?);
    }
    Ok(json!({
        "schemas": [LIST],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    }))
}

async fn page(source: &Source<'_>, query: &Query, after: Option<Last>) -> Result<Page, ScimError> {
    let lookups = query
        .filter
        .as_ref()
        .and_then(|filter| filter.lookups(source.kind));
    if let Some(lookups) = lookups {
        let found = source.looked_up(&lookups).await?;
        return selected(source, query, after, found).await;
    }
    let walk = Walk::of(source.kind, query.order);
    match (walk, &query.place) {
        (Some(walk), Place::Cursor(_)) => stepped(source, query, walk, after).await,
        (Some(walk), Place::Offset(offset)) if query.filter.is_none() => {
            let count = u32::try_from(query.count).unwrap_or(u32::MAX);
            Ok(Page {
                total: Some(source.count().await?),
                items: match count {
                    0 => Vec::new(),
                    count => source.page(walk, None, count, *offset).await?,
                },
                last: None,
            })
        }
        _ => {
            let all = everything(source).await?;
            selected(source, query, after, all).await
        }
    }
}

/// Everything there is of a kind, where that is not too much.
async fn everything(source: &Source<'_>) -> Result<Vec<Item>, ScimError> {
    let most = MOST_SCANNED as u64;
    if source.count().await? > most {
        let told = format!(
            "There are more than {most} to look at. Ask by id, userName, externalId, emails.value or displayName with eq; or leave sortBy out \
             and go on by cursor."
        );
        return Err(ScimError::of(ScimType::TooMany, told));
    }
    let mut all: Vec<Item> = Vec::new();
    loop {
        let last = all.last().map(|item| item.last(Walk::BY_ID, Order::BY_ID));
        let read = source.page(Walk::BY_ID, last.as_ref(), CHUNK, 0).await?;
        let is_last = read.len() < CHUNK as usize;
        all.extend(read);
        if is_last || all.len() > MOST_SCANNED {
            return Ok(all);
        }
    }
}

/// The page of what was found that is asked for: those that fit, in their order.
async fn selected(
    source: &Source<'_>,
    query: &Query,
    after: Option<Last>,
    found: Vec<Item>,
) -> Result<Page, ScimError> {
    let mut fitting = fitting(source, query.filter.as_ref(), found).await?;
    let walk = Walk::of(source.kind, query.order);
    let place = |item: &Item| {
        let last = item.last(walk.unwrap_or(Walk::BY_ID), query.order);
        (last.key, last.id)
    };
    fitting.sort_by_cached_key(place);
    if query.order.descending {
        fitting.reverse();
    }
    let total = Some(fitting.len() as u64);
    let skipped = match (&query.place, after) {
        (Place::Offset(offset), _) => usize::try_from(*offset).unwrap_or(usize::MAX),
        (Place::Cursor(_), None) => 0,
        (Place::Cursor(_), Some(last)) => {
            let last = (last.key, last.id);
            let is_before = |item: &Item| match query.order.descending {
                false => place(item) <= last,
                true => place(item) >= last,
            };
            fitting.iter().take_while(|item| is_before(item)).count()
        }
    };
    let mut items: Vec<Item> = fitting.into_iter().skip(skipped).collect();
    let is_more = items.len() > query.count;
    items.truncate(query.count);
    let last = items.last().filter(|_| is_more).map(place);
    Ok(Page {
        items,
        total,
        last: last.map(|(key, id)| Last { key, id }),
    })
}

/// The next that fit, in an order that an index has, of so many as one request looks at.
async fn stepped(
    source: &Source<'_>,
    query: &Query,
    walk: Walk,
    after: Option<Last>,
) -> Result<Page, ScimError> {
    let mut page = Page {
        items: Vec::new(),
        // A list that is read to its end need not be counted before.
        total: None,
        last: after,
    };
    if query.count == 0 {
        page.last = None;
        return Ok(page);
    }
    let mut looked_at = 0;
    while looked_at < STEP {
        let read = source.page(walk, page.last.as_ref(), CHUNK, 0).await?;
        let is_last = read.len() < CHUNK as usize;
        looked_at += read.len();
        let passed = read.last().map(|item| item.last(walk, query.order));
        let fitting = fitting(source, query.filter.as_ref(), read).await?;
        let room = query.count - page.items.len();
        let is_full = fitting.len() > room || (fitting.len() == room && !is_last);
        page.items.extend(fitting.into_iter().take(room));
        if is_full {
            page.last = page.items.last().map(|item| item.last(walk, query.order));
            return Ok(page);
        }
        if is_last {
            page.last = None;
            return Ok(page);
        }
        page.last = passed;
    }
    Ok(page)
}

/// Those that a filter admits.
async fn fitting(
    source: &Source<'_>,
    filter: Option<&Filter>,
    items: Vec<Item>,
) -> Result<Vec<Item>, ScimError> {
    let Some(filter) = filter else {
        return Ok(items);
    };
    let asked = filter.members_asked_for()?;
    let mut of_members: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for member in asked {
        for group in source.groups_of(&member).await? {
            let value = json!({"value": member, "type": ResourceType::User.name()});
            of_members.entry(group).or_default().push(value);
        }
    }
    let base = source.call.base();
    let fits = |item: &Item| {
        let mut resource = item.resource(None, base);
        // Of those in the group, the filter only sees whom it asks for.
        if let Some(members) = of_members.get(item.id()) {
            resource.insert("members".to_owned(), Value::Array(members.clone()));
        }
        filter.holds(&resource)
    };
    Ok(items.into_iter().filter(fits).collect())
}

async fn rendered(
    source: &Source<'_>,
    query: &Query,
    items: Vec<Item>,
) -> Result<Vec<Value>, ScimError> {
    let shows_members = query.projection.shows("members");
    let mut room = super::source::MOST_MEMBERS_SHOWN;
    let mut resources = Vec::with_capacity(items.len());
    for item in items {
        let members = match (&item, shows_members) {
            (Item::Group(group), true) => Some(source.call.members(group, &mut room).await?),
            _ => None,
        };
        let resource: Map<String, Value> = item.resource(members.as_deref(), source.call.base());
        resources.push(Value::Object(query.projection.of_resource(resource)));
    }
    Ok(resources)
}
