use customerio_mcp::state::{
    AuditQuery, Begin, BeginOutcome, CallKey, CallOutcome, CallState, RecordedCall, Settle, Store,
};

use super::{material::*, with_each_store};

async fn find(store: &dyn Store, name: &str, now_ms: i64) -> Option<RecordedCall> {
    store.find_call(SHOP.to_owned(), LOCAL.to_owned(), digest(name), now_ms).await.unwrap()
}

async fn audit_records(store: &dyn Store) -> usize {
    let query = AuditQuery { workspace: SHOP.to_owned(), limit: 1_000, ..AuditQuery::default() };
    store.list_audit(query).await.unwrap().len()
}

fn keyed(call_id: &str) -> Begin {
    Begin { key: Some(key("key")), recovery: Some(b"recovery".to_vec()), ..call(call_id) }
}

#[tokio::test]
async fn a_repeat_gets_the_first_call_and_writes_nothing() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        let BeginOutcome::Replayed(first) = store.begin(keyed("two")).await.unwrap() else { panic!("not replayed") };
        assert_eq!(first.call_id, "one");
        assert_eq!(first.state, CallState::InFlight);
        assert_eq!(first.recovery.as_deref(), Some(b"recovery".as_slice()));
        assert_eq!(audit_records(&*store).await, 1);

        let answered = Settle { answer: Some(b"answer".to_vec()), ..settlement("one", CallOutcome::Committed) };
        store.settle(answered).await.unwrap();
        let BeginOutcome::Replayed(first) = store.begin(keyed("two")).await.unwrap() else { panic!("not replayed") };
        assert_eq!((first.state, first.answer), (CallState::Committed, Some(b"answer".to_vec())));
        assert_eq!(find(&*store, "key", NOW_MS).await.unwrap().call_id, "one");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_its_principals_own_and_free_after_its_expiry() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        begun(&*store, Begin { principal: "other".to_owned(), ..keyed("two") }).await;
        begun(&*store, Begin { workspace: "other".to_owned(), ..keyed("three") }).await;
        settled(&*store, "one", CallOutcome::Committed).await;

        let later_ms = NOW_MS + 10 * MINUTE_MS;
        assert!(find(&*store, "key", later_ms - 1).await.is_some());
        assert!(find(&*store, "key", later_ms).await.is_none());
        let again = Begin {
            now_ms: later_ms,
            lease_until_ms: later_ms + MINUTE_MS,
            key: Some(CallKey { expires_at_ms: later_ms + MINUTE_MS, ..key("key") }),
            ..call("four")
        };
        begun(&*store, again).await;
        assert_eq!(find(&*store, "key", later_ms).await.unwrap().call_id, "four");
    })
    .await;
}

#[tokio::test]
async fn a_call_of_unknown_fate_holds_its_key_for_a_day() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        let day_ms = NOW_MS + 24 * 60 * MINUTE_MS;
        let held = find(&*store, "key", day_ms - 1).await.unwrap();
        assert_eq!((held.call_id.as_str(), held.state), ("one", CallState::Unknown));
        assert!(find(&*store, "key", day_ms).await.is_none());
    })
    .await;
}

#[tokio::test]
async fn a_key_with_other_arguments_is_refused_and_a_released_one_is_free() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        let other = || Begin { key: Some(CallKey { arguments: digest("others"), ..key("key") }), ..call("two") };
        assert!(matches!(store.begin(other()).await.unwrap(), BeginOutcome::KeyReused));
        assert_eq!(audit_records(&*store).await, 1);
        settled(&*store, "one", CallOutcome::Released).await;
        assert!(find(&*store, "key", NOW_MS).await.is_none());
        begun(&*store, other()).await;
    })
    .await;
}

#[tokio::test]
async fn a_lapsed_lease_reads_as_unknown() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        assert_eq!(find(&*store, "key", NOW_MS + MINUTE_MS - 1).await.unwrap().state, CallState::InFlight);
        assert_eq!(find(&*store, "key", NOW_MS + MINUTE_MS).await.unwrap().state, CallState::Unknown);
        let repeat = Begin { now_ms: NOW_MS + MINUTE_MS, ..keyed("two") };
        let BeginOutcome::Replayed(first) = store.begin(repeat).await.unwrap() else { panic!("not replayed") };
        assert_eq!(first.state, CallState::Unknown);
        settled(&*store, "one", CallOutcome::Committed).await;
        assert_eq!(find(&*store, "key", NOW_MS + MINUTE_MS).await.unwrap().state, CallState::Committed);
    })
    .await;
}

#[tokio::test]
async fn a_plan_is_spent_once_even_if_its_call_is_released() {
    with_each_store(|store| async move {
        let planned = |call_id| Begin { plan: Some(plan("token")), ..call(call_id) };
        begun(&*store, planned("one")).await;
        assert!(matches!(store.begin(planned("two")).await.unwrap(), BeginOutcome::PlanSpent));
        settled(&*store, "one", CallOutcome::Released).await;
        assert!(matches!(store.begin(planned("two")).await.unwrap(), BeginOutcome::PlanSpent));
        begun(&*store, Begin { plan: Some(plan("another")), ..call("three") }).await;
    })
    .await;
}

#[tokio::test]
async fn a_known_key_comes_before_a_spent_plan_and_that_before_a_full_budget() {
    with_each_store(|store| async move {
        let begin = |call_id, key| Begin {
            key: Some(key),
            plan: Some(plan("token")),
            charges: vec![sends(1, HOUR_MS, 1)],
            test_profile: Some(test_profile(&["id:1"], 1)),
            ..call(call_id)
        };
        begun(&*store, begin("one", key("key"))).await;
        let outcome = store.begin(begin("two", key("key"))).await.unwrap();
        assert!(matches!(outcome, BeginOutcome::Replayed(_)), "{outcome:?}");
        let outcome = store.begin(begin("two", key("other"))).await.unwrap();
        assert!(matches!(outcome, BeginOutcome::PlanSpent), "{outcome:?}");
        let unplanned =
            Begin { plan: None, test_profile: Some(test_profile(&["id:2"], 1)), ..begin("two", key("other")) };
        let outcome = store.begin(unplanned.clone()).await.unwrap();
        assert!(matches!(outcome, BeginOutcome::Exhausted(_)), "{outcome:?}");
        let outcome = store.begin(Begin { charges: Vec::new(), ..unplanned }).await.unwrap();
        assert!(matches!(outcome, BeginOutcome::TestProfilesFull { .. }), "{outcome:?}");
        assert_eq!(audit_records(&*store).await, 1);
    })
    .await;
}

#[tokio::test]
async fn settling_twice_changes_nothing_but_an_unknown_call_can_still_be_settled() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        settled(&*store, "one", CallOutcome::Unknown).await;
        settled(&*store, "one", CallOutcome::Unknown).await;
        assert_eq!(audit_records(&*store).await, 2);
        settled(&*store, "one", CallOutcome::Committed).await;
        assert_eq!(audit_records(&*store).await, 3);
        for outcome in [CallOutcome::Released, CallOutcome::Unknown, CallOutcome::Committed] {
            settled(&*store, "one", outcome).await;
        }
        assert_eq!(audit_records(&*store).await, 3);
        assert_eq!(find(&*store, "key", NOW_MS).await.unwrap().state, CallState::Committed);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_never_began_cannot_be_settled() {
    with_each_store(|store| async move {
        assert!(store.settle(settlement("nobody", CallOutcome::Committed)).await.is_err());
        assert_eq!(audit_records(&*store).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_call_id_begins_once() {
    with_each_store(|store| async move {
        begun(&*store, call("one")).await;
        assert!(store.begin(call("one")).await.is_err());
        assert_eq!(audit_records(&*store).await, 1);
    })
    .await;
}

#[tokio::test]
async fn calls_leave_the_ledger_in_time_unless_they_hold_a_place() {
    with_each_store(|store| async move {
        begun(&*store, keyed("one")).await;
        settled(&*store, "one", CallOutcome::Committed).await;
        begun(&*store, call("two")).await;
        settled(&*store, "two", CallOutcome::Unknown).await;
        begun(&*store, Begin { test_profile: Some(test_profile(&["id:1"], 25)), ..call("three") }).await;
        settled(&*store, "three", CallOutcome::Unknown).await;
        let later_ms = NOW_MS + 33 * DAY_MS;
        for number in 0..20 {
            let later = call(&format!("later {number}"));
            begun(&*store, Begin { now_ms: later_ms, lease_until_ms: later_ms + MINUTE_MS, ..later }).await;
        }
        for forgotten in ["one", "two"] {
            assert!(store.settle(settlement(forgotten, CallOutcome::Committed)).await.is_err(), "{forgotten}");
        }
        settled(&*store, "three", CallOutcome::Committed).await;
    })
    .await;
}
