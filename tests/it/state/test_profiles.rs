use customerio_mcp::state::{Begin, BeginOutcome, CallOutcome, CallState, Settle, Store, TestProfile};

use super::{material::*, with_each_store};

fn making(call_id: &str, identifiers: &[&str], active_limit: u64) -> Begin {
    Begin { test_profile: Some(test_profile(identifiers, active_limit)), ..call(call_id) }
}

async fn list(store: &dyn Store) -> Vec<TestProfile> {
    store.test_profiles(SHOP.to_owned(), NOW_MS).await.unwrap()
}

async fn full(store: &dyn Store, begin: Begin) -> (u64, u64, Option<i64>) {
    match store.begin(begin).await.unwrap() {
        BeginOutcome::TestProfilesFull { active, limit, frees_at_ms } => (active, limit, frees_at_ms),
        other => panic!("not full: {other:?}"),
    }
}

#[tokio::test]
async fn every_profile_that_is_or_may_be_there_takes_a_place() {
    with_each_store(|store| async move {
        for (call_id, outcome) in [
            ("committed", Some(CallOutcome::Committed)),
            ("in flight", None),
            ("unknown", Some(CallOutcome::Unknown)),
            ("released", Some(CallOutcome::Released)),
        ] {
            begun(&*store, making(call_id, &[call_id], 10)).await;
            if let Some(outcome) = outcome {
                settled(&*store, call_id, outcome).await;
            }
        }
        assert_eq!(full(&*store, making("next", &["next"], 3)).await, (3, 3, Some(NOW_MS + DAY_MS)));
        let mut unledgered = making("next", &["next"], 5);
        unledgered.test_profile.as_mut().unwrap().unledgered = 2;
        assert_eq!(full(&*store, unledgered).await, (5, 5, Some(NOW_MS + DAY_MS)));

        let states: Vec<CallState> = list(&*store).await.iter().map(|profile| profile.state).collect();
        assert_eq!(states, [CallState::Committed, CallState::InFlight, CallState::Unknown]);
        let lapsed = store.test_profiles(SHOP.to_owned(), NOW_MS + MINUTE_MS).await.unwrap();
        assert_eq!(lapsed[1].state, CallState::Unknown);
        begun(&*store, making("next", &["next"], 4)).await;
    })
    .await;
}

#[tokio::test]
async fn one_person_takes_one_place_under_any_identifier() {
    with_each_store(|store| async move {
        begun(&*store, making("one", &["id:1", "email:a"], 1)).await;
        settled(&*store, "one", CallOutcome::Committed).await;
        begun(&*store, making("two", &["email:a", "phone:1"], 1)).await;
        assert_eq!(list(&*store).await.len(), 1);
        assert_eq!(full(&*store, making("three", &["id:2"], 1)).await.0, 1);

        // The second call's fate does not touch what the first one made.
        settled(&*store, "two", CallOutcome::Released).await;
        let profiles = list(&*store).await;
        assert_eq!((profiles.len(), profiles[0].call_id.as_str()), (1, "one"));
        assert!(!profiles[0].subjects.contains(&digest("phone:1")));

        begun(&*store, making("four", &["email:a", "phone:1"], 1)).await;
        settled(&*store, "four", CallOutcome::Committed).await;
        let profiles = list(&*store).await;
        assert_eq!((profiles.len(), profiles[0].call_id.as_str()), (1, "four"));
        for identifier in ["id:1", "email:a", "phone:1"] {
            assert!(profiles[0].subjects.contains(&digest(identifier)), "{identifier}");
        }
    })
    .await;
}

#[tokio::test]
async fn identifiers_learnt_by_the_call_replace_those_it_began_with() {
    with_each_store(|store| async move {
        begun(&*store, making("one", &["email:a"], 10)).await;
        let known = (vec![digest("email:a"), digest("cio:1")], b"sealed".to_vec());
        let settle = Settle { test_profile_identifiers: Some(known), ..settlement("one", CallOutcome::Committed) };
        store.settle(settle).await.unwrap();
        let profiles = list(&*store).await;
        assert_eq!(profiles[0].sealed_identifiers, b"sealed");
        assert_eq!(profiles[0].subjects.len(), 2);

        // It turns out that a second call made the same person.
        begun(&*store, making("two", &["id:1"], 10)).await;
        assert_eq!(list(&*store).await.len(), 2);
        let known = (vec![digest("id:1"), digest("cio:1")], b"sealed again".to_vec());
        let settle = Settle { test_profile_identifiers: Some(known), ..settlement("two", CallOutcome::Committed) };
        store.settle(settle).await.unwrap();
        let profiles = list(&*store).await;
        assert_eq!((profiles.len(), profiles[0].subjects.len()), (1, 3));
    })
    .await;
}

#[tokio::test]
async fn a_removed_profile_frees_its_place_and_an_expired_one_does_not() {
    with_each_store(|store| async move {
        begun(&*store, making("one", &["id:1", "email:a"], 1)).await;
        settled(&*store, "one", CallOutcome::Committed).await;
        let later = Begin { now_ms: NOW_MS + 2 * DAY_MS, ..making("two", &["id:2"], 1) };
        assert_eq!(full(&*store, later.clone()).await, (1, 1, None));
        let [one] = &list(&*store).await[..] else { panic!("one profile") };
        store.remove_test_profiles("other".to_owned(), one.calls.clone()).await.unwrap();
        assert_eq!(list(&*store).await.len(), 1);
        store.remove_test_profiles(SHOP.to_owned(), one.calls.clone()).await.unwrap();
        assert_eq!(list(&*store).await, []);
        begun(&*store, later).await;
    })
    .await;
}

#[tokio::test]
async fn a_place_that_was_taken_since_the_look_is_not_removed_with_what_was_seen() {
    with_each_store(|store| async move {
        begun(&*store, making("one", &["id:1", "email:a"], 1)).await;
        settled(&*store, "one", CallOutcome::Committed).await;
        let seen = list(&*store).await;
        // The person is gone upstream, and made again before that is written down.
        let again = Begin { now_ms: NOW_MS + 5, ..making("two", &["id:1"], 1) };
        begun(&*store, again).await;
        let [both] = &list(&*store).await[..] else { panic!("one place") };
        assert_eq!((&both.calls, both.created_at_ms), (&vec!["one".to_owned(), "two".to_owned()], NOW_MS + 5));
        store.remove_test_profiles(SHOP.to_owned(), seen[0].calls.clone()).await.unwrap();
        let left = list(&*store).await;
        assert_eq!((left.len(), &left[0].calls, left[0].state), (1, &vec!["two".to_owned()], CallState::InFlight));
        assert_eq!(full(&*store, making("three", &["id:3"], 1)).await.0, 1);
    })
    .await;
}
