use customerio_mcp::state::{
    Begin, BeginOutcome, CachedPerson, CallOutcome, CallState, Charge, Digest, Erasure, ErasureState, Settle, Store,
    Tombstone,
};

use super::{material::*, with_each_store};

fn pending(erasure_id: &str, identifiers: &[&str]) -> Erasure {
    Erasure {
        erasure_id: erasure_id.to_owned(),
        workspace: SHOP.to_owned(),
        subjects: digests(identifiers),
        state: ErasureState::Pending,
        requested_at_ms: NOW_MS,
        completed_at_ms: None,
        sealed_identifiers: Some(b"sealed".to_vec()),
        receipt: None,
    }
}

fn completed(erasure_id: &str, identifiers: &[&str]) -> Erasure {
    Erasure {
        state: ErasureState::Completed,
        completed_at_ms: Some(NOW_MS + MINUTE_MS),
        receipt: Some("{}".to_owned()),
        ..pending(erasure_id, identifiers)
    }
}

fn digests(identifiers: &[&str]) -> Vec<Digest> {
    let mut digests: Vec<Digest> = identifiers.iter().map(digest).collect();
    digests.sort_unstable();
    digests
}

async fn find(store: &dyn Store, identifier: &str) -> Option<Erasure> {
    store.find_erasure(SHOP.to_owned(), vec![digest("nobody"), digest(identifier)]).await.unwrap()
}

async fn tombstones(store: &dyn Store, identifiers: &[&str]) -> Vec<Tombstone> {
    store.tombstones(SHOP.to_owned(), digests(identifiers)).await.unwrap()
}

#[tokio::test]
async fn an_erasure_is_found_by_any_identifier_and_keeps_nothing_sealed_once_completed() {
    with_each_store(|store| async move {
        store.record_erasure(pending("e1", &["id:1", "email:a"])).await.unwrap();
        assert_eq!(find(&*store, "email:a").await, Some(pending("e1", &["id:1", "email:a"])));
        assert_eq!(find(&*store, "id:2").await, None);
        assert_eq!(store.find_erasure("other".to_owned(), digests(&["id:1"])).await.unwrap(), None);

        store.record_erasure(completed("e1", &["id:1", "email:a", "cio:1"])).await.unwrap();
        let done = Erasure { sealed_identifiers: None, ..completed("e1", &["id:1", "email:a", "cio:1"]) };
        assert_eq!(find(&*store, "cio:1").await, Some(done.clone()));
        // A straggler of the same call cannot take it back.
        store.record_erasure(pending("e1", &["id:1"])).await.unwrap();
        assert_eq!(find(&*store, "id:1").await, Some(done));

        store.record_erasure(pending("e2", &["id:1"])).await.unwrap();
        assert_eq!(find(&*store, "id:1").await.unwrap().erasure_id, "e2");
    })
    .await;
}

#[tokio::test]
async fn tombstones_stand_from_the_first_record_until_they_are_lifted() {
    with_each_store(|store| async move {
        store.record_erasure(pending("e1", &["id:1"])).await.unwrap();
        let tombstone = Tombstone { subject: digest("id:1"), erasure_id: "e1".to_owned(), erased_at_ms: NOW_MS };
        assert_eq!(tombstones(&*store, &["id:1", "id:2"]).await, [tombstone]);
        store.record_erasure(completed("e1", &["id:1", "cio:1"])).await.unwrap();
        assert_eq!(tombstones(&*store, &["id:1", "cio:1"]).await.len(), 2);

        assert!(!store.lift_tombstones("other".to_owned(), "e1".to_owned()).await.unwrap());
        assert!(store.lift_tombstones(SHOP.to_owned(), "e1".to_owned()).await.unwrap());
        assert!(!store.lift_tombstones(SHOP.to_owned(), "e1".to_owned()).await.unwrap());
        store.record_erasure(completed("e1", &["id:1", "cio:1"])).await.unwrap();
        assert_eq!(tombstones(&*store, &["id:1", "cio:1"]).await, [], "what was taken down stays down");
    })
    .await;
}

fn remembered(key: &str, person: &str) -> CachedPerson {
    CachedPerson { key: digest(key), person: digest(person), sealed: vec![1], expires_at_ms: NOW_MS + MINUTE_MS }
}

#[tokio::test]
async fn no_call_begins_for_somebody_whose_erasure_has_begun() {
    with_each_store(|store| async move {
        let of_ada = |id: &str| Begin { not_erased: digests(&["ada", "ada@shop"]), ..call(id) };
        assert!(matches!(store.begin(of_ada("before")).await.unwrap(), BeginOutcome::Begun));
        store.record_erasure(pending("era", &["ada@shop"])).await.unwrap();
        let outcome = store.begin(of_ada("after")).await.unwrap();
        let BeginOutcome::Erased(tombstone) = outcome else { panic!("{outcome:?}") };
        assert_eq!(tombstone.erasure_id, "era");
        assert!(matches!(store.begin(call("of nobody")).await.unwrap(), BeginOutcome::Begun));
    })
    .await;
}

#[tokio::test]
async fn completing_an_erasure_forgets_the_person_everywhere_but_in_what_counts() {
    with_each_store(|store| async move {
        let shop = || SHOP.to_owned();
        let people = || vec![remembered("id:1", "cio:1"), remembered("email:a", "cio:1"), remembered("id:2", "cio:2")];
        store.remember_people(shop(), people()).await.unwrap();
        let about = |call_id, name, person: &str| Begin {
            key: Some(key(name)),
            recovery: Some(vec![1]),
            charges: vec![sends(1, HOUR_MS, 10)],
            test_profile: Some(test_profile(&[person], 10)),
            subjects: digests(&[person]),
            ..call(call_id)
        };
        let answer = |call_id| Settle { answer: Some(vec![1]), ..settlement(call_id, CallOutcome::Committed) };
        begun(&*store, about("one", "k1", "id:1")).await;
        store.settle(answer("one")).await.unwrap();
        begun(&*store, about("late", "k2", "id:1")).await;
        begun(&*store, about("other", "k3", "id:2")).await;
        store.settle(answer("other")).await.unwrap();

        store.record_erasure(pending("e1", &["id:1", "cio:1"])).await.unwrap();
        let call = |name| store.find_call(shop(), LOCAL.to_owned(), digest(name), NOW_MS);
        assert!(call("k1").await.unwrap().unwrap().answer.is_some(), "still needed while it is pending");
        store.record_erasure(completed("e1", &["id:1", "cio:1"])).await.unwrap();
        store.settle(answer("late")).await.unwrap();
        store.remember_people(shop(), people()).await.unwrap();

        for name in ["k1", "k2"] {
            let erased = call(name).await.unwrap().unwrap();
            assert_eq!((erased.state, erased.answer, erased.recovery), (CallState::Committed, None, None), "{name}");
        }
        assert!(call("k3").await.unwrap().unwrap().answer.is_some());
        let keys = vec![digest("id:1"), digest("email:a"), digest("id:2")];
        let found = store.cached_people(shop(), keys, NOW_MS).await.unwrap();
        assert_eq!(found, [None, None, Some(remembered("id:2", "cio:2"))]);
        let profiles = store.test_profiles(shop(), NOW_MS).await.unwrap();
        assert_eq!(profiles.iter().map(|profile| profile.call_id.as_str()).collect::<Vec<_>>(), ["other"]);
        let charges: Vec<Charge> = vec![sends(0, HOUR_MS, 10)];
        assert_eq!(store.usage(shop(), LOCAL.to_owned(), charges, NOW_MS).await.unwrap()[0].used, 3);
    })
    .await;
}
