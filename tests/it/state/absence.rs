use customerio_mcp::state::{
    Absence, AbsenceOutcome, Begin, BeginOutcome, CallOutcome, CallQuery, CallState, Settle, Store, WhichCalls,
};

use super::{material::*, with_each_store};

fn lost(call_id: &str) -> Begin {
    let begin = call(call_id);
    Begin {
        key: Some(key(call_id)),
        recovery: Some(b"facts".to_vec()),
        charges: vec![sends(2, HOUR_MS, 10)],
        test_profile: Some(test_profile(&[&format!("id:{call_id}")], 25)),
        ..begin
    }
}

async fn ids(store: &dyn Store, calls: WhichCalls, now_ms: i64) -> Vec<String> {
    let query = CallQuery { workspace: SHOP.to_owned(), calls, now_ms, limit: 10 };
    store.list_calls(query).await.unwrap().into_iter().map(|call| call.call_id).collect()
}

async fn used(store: &dyn Store, now_ms: i64) -> u64 {
    store.usage(SHOP.to_owned(), LOCAL.to_owned(), vec![sends(0, HOUR_MS, 10)], now_ms).await.unwrap()[0].used
}

/// Looks for a call in vain twice, and returns the moment after.
async fn looked_for_twice(store: &dyn Store, absence: impl Fn(i64) -> Absence) -> i64 {
    let (first_ms, second_ms) = (NOW_MS + MINUTE_MS, NOW_MS + 2 * MINUTE_MS);
    assert_eq!(store.note_absence(absence(NOW_MS)).await.unwrap(), AbsenceOutcome::NotUnknown, "still in flight");
    let noted = AbsenceOutcome::Noted { first_at_ms: first_ms };
    assert_eq!(store.note_absence(absence(first_ms)).await.unwrap(), noted);
    assert_eq!(store.note_absence(absence(second_ms - 1)).await.unwrap(), noted, "too soon after the first");
    assert_eq!(store.note_absence(absence(second_ms)).await.unwrap(), AbsenceOutcome::Settled);
    assert_eq!(store.note_absence(absence(second_ms)).await.unwrap(), AbsenceOutcome::NotUnknown);
    second_ms
}

#[tokio::test]
async fn a_call_looked_for_twice_in_vain_gives_back_all_but_its_key() {
    with_each_store(|store| async move {
        begun(&*store, lost("one")).await;
        let now_ms = looked_for_twice(&*store, |now_ms| absence("one", now_ms)).await;
        assert_eq!((used(&*store, now_ms).await, ids(&*store, WhichCalls::Unsettled, now_ms).await.len()), (0, 1));
        assert!(store.test_profiles(SHOP.to_owned(), now_ms).await.unwrap().is_empty());
        let BeginOutcome::Replayed(first) = store.begin(Begin { now_ms, ..lost("one") }).await.unwrap() else {
            panic!("the key was free")
        };
        assert_eq!((first.state, first.recovery.as_deref()), (CallState::Absent, Some(b"facts".as_slice())));
        // Seen after all, it counts again.
        settled(&*store, "one", CallOutcome::Committed).await;
        assert_eq!(used(&*store, now_ms).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_need_not_be_asked_about_is_released() {
    with_each_store(|store| async move {
        begun(&*store, lost("one")).await;
        let released = |now_ms| Absence { keeps_key: false, ..absence("one", now_ms) };
        let now_ms = looked_for_twice(&*store, released).await;
        assert_eq!(ids(&*store, WhichCalls::Unsettled, now_ms).await, [] as [String; 0]);
        begun(&*store, Begin { now_ms, key: Some(key("one")), ..call("two") }).await;
    })
    .await;
}

#[tokio::test]
async fn an_operators_word_on_an_absent_call_gives_nothing_back_twice() {
    with_each_store(|store| async move {
        begun(&*store, lost("one")).await;
        begun(&*store, Begin { charges: vec![sends(3, HOUR_MS, 10)], ..call("other") }).await;
        let now_ms = looked_for_twice(&*store, |now_ms| absence("one", now_ms)).await;
        settled(&*store, "one", CallOutcome::Released).await;
        assert_eq!(used(&*store, now_ms).await, 3, "what the other call charged stays");
        begun(&*store, Begin { now_ms, key: Some(key("one")), ..call("two") }).await;
    })
    .await;
}

#[tokio::test]
async fn another_attempt_takes_the_key_over_from_the_very_call_it_follows() {
    with_each_store(|store| async move {
        begun(&*store, lost("one")).await;
        let now_ms = NOW_MS + MINUTE_MS;
        let lease_until_ms = now_ms + MINUTE_MS;
        let attempt = |call_id: &str, follows: &str| {
            let (key, follows) = (Some(key("one")), Some(follows.to_owned()));
            Begin { now_ms, lease_until_ms, key, follows, ..call(call_id) }
        };
        let unlooked = store.begin(attempt("two", "one")).await.unwrap();
        assert!(matches!(unlooked, BeginOutcome::Replayed(_)), "nobody has looked for it: {unlooked:?}");
        store.note_absence(absence("one", now_ms)).await.unwrap();
        assert!(matches!(store.begin(attempt("two", "another")).await.unwrap(), BeginOutcome::Replayed(_)));
        begun(&*store, attempt("two", "one")).await;
        let BeginOutcome::Replayed(running) = store.begin(attempt("three", "one")).await.unwrap() else {
            panic!("two attempts at once")
        };
        assert_eq!((running.call_id.as_str(), running.state), ("two", CallState::InFlight));
    })
    .await;
}

#[tokio::test]
async fn only_what_can_be_looked_for_is_listed_for_a_sweep() {
    with_each_store(|store| async move {
        let now_ms = NOW_MS + MINUTE_MS;
        begun(&*store, lost("lapsed")).await;
        begun(&*store, Begin { recovery: Some(b"facts".to_vec()), ..call("unknown") }).await;
        settled(&*store, "unknown", CallOutcome::Unknown).await;
        begun(&*store, call("cannot be looked for")).await;
        begun(&*store, Begin { lease_until_ms: now_ms + 1, ..lost("under way") }).await;
        begun(&*store, lost("committed")).await;
        settled(&*store, "committed", CallOutcome::Committed).await;
        begun(&*store, lost("looked for")).await;
        store.note_absence(absence("looked for", now_ms)).await.unwrap();
        let unknown = |not_since_ms| WhichCalls::ToLookFor { not_since_ms };
        assert_eq!(ids(&*store, unknown(now_ms - 1), now_ms).await, ["lapsed", "unknown"]);
        let later_ms = now_ms + MINUTE_MS;
        assert_eq!(
            ids(&*store, unknown(later_ms - MINUTE_MS), later_ms).await,
            ["lapsed", "unknown", "under way", "looked for"],
            "those looked for come last"
        );
        store.note_look(SHOP.to_owned(), "lapsed".to_owned(), later_ms).await.unwrap();
        assert_eq!(
            ids(&*store, unknown(later_ms), later_ms).await,
            ["unknown", "under way", "looked for", "lapsed"],
            "a look that tells nothing makes room for the others"
        );
        // After a day only a place of a test profile is worth a look.
        let day_ms = NOW_MS + DAY_MS;
        assert_eq!(ids(&*store, unknown(day_ms), day_ms).await, ["under way", "looked for", "lapsed"]);
        assert_eq!(ids(&*store, WhichCalls::Unsettled, day_ms).await, ["lapsed", "under way", "looked for"]);
        assert_eq!(ids(&*store, WhichCalls::Since(NOW_MS), now_ms).await.len(), 5);
        assert_eq!(ids(&*store, WhichCalls::Id("committed".to_owned()), now_ms).await, ["committed"]);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_makes_a_test_profile_anew_keeps_its_place_when_the_old_one_goes() {
    with_each_store(|store| async move {
        let makes = |call_id: &str| Begin { test_profile: Some(test_profile(&["id:1"], 25)), ..call(call_id) };
        begun(&*store, makes("first")).await;
        settled(&*store, "first", CallOutcome::Committed).await;
        begun(&*store, makes("again")).await;
        let profile = store.test_profiles(SHOP.to_owned(), NOW_MS).await.unwrap().remove(0);
        assert_eq!((profile.calls.len(), profile.ended_calls.as_slice()), (2, ["first".to_owned()].as_slice()));
        store.remove_test_profiles(SHOP.to_owned(), profile.ended_calls).await.unwrap();
        let left = store.test_profiles(SHOP.to_owned(), NOW_MS).await.unwrap();
        assert_eq!(left.len(), 1, "a call under way may still make the person");
        assert_eq!(left[0].call_id, "again");
    })
    .await;
}

#[tokio::test]
async fn what_a_look_needs_is_forgotten_once_the_fate_is_known() {
    with_each_store(|store| async move {
        begun(&*store, lost("one")).await;
        store
            .settle(Settle { answer: Some(b"answer".to_vec()), ..settlement("one", CallOutcome::Committed) })
            .await
            .unwrap();
        let query =
            CallQuery { workspace: SHOP.to_owned(), calls: WhichCalls::Id("one".to_owned()), now_ms: NOW_MS, limit: 1 };
        let call = store.list_calls(query).await.unwrap().remove(0);
        assert_eq!((call.recovery, call.answer.as_deref()), (None, Some(b"answer".as_slice())));
    })
    .await;
}

#[tokio::test]
async fn a_call_found_out_to_have_happened_holds_its_key_for_another_day() {
    for found_after_ms in [MINUTE_MS, 23 * HOUR_MS] {
        with_each_store(|store| async move {
            begun(&*store, lost("one")).await;
            let found_ms = NOW_MS + found_after_ms;
            store.settle(Settle { now_ms: found_ms, ..settlement("one", CallOutcome::Committed) }).await.unwrap();
            let find = |now_ms| store.find_call(SHOP.to_owned(), LOCAL.to_owned(), digest("one"), now_ms);
            assert_eq!(find(found_ms + DAY_MS - 1).await.unwrap().unwrap().state, CallState::Committed);
            assert!(find(found_ms + DAY_MS).await.unwrap().is_none());
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_look_needs_is_forgotten_when_nobody_will_look_any_more() {
    with_each_store(|store| async move {
        begun(&*store, Begin { test_profile: None, ..lost("one") }).await;
        begun(&*store, lost("holds a place")).await;
        let later_ms = NOW_MS + DAY_MS;
        for number in 0..17 {
            let begin = call(&number.to_string());
            begun(&*store, Begin { now_ms: later_ms, lease_until_ms: later_ms + MINUTE_MS, ..begin }).await;
        }
        for (call_id, kept) in [("one", false), ("holds a place", true)] {
            let calls = WhichCalls::Id(call_id.to_owned());
            let query = CallQuery { workspace: SHOP.to_owned(), calls, now_ms: later_ms, limit: 1 };
            assert_eq!(store.list_calls(query).await.unwrap()[0].recovery.is_some(), kept, "{call_id}");
        }
    })
    .await;
}
