use customerio_mcp::state::{Begin, BeginOutcome, CallOutcome, Charge, Exhausted, Limit, Store};

use super::{material::*, with_each_store};

async fn used(store: &dyn Store, charge: Charge, now_ms: i64) -> u64 {
    let usages = store.usage(SHOP.to_owned(), LOCAL.to_owned(), vec![charge], now_ms).await.unwrap();
    usages[0].used
}

fn charging(call_id: &str, now_ms: i64, charges: Vec<Charge>) -> Begin {
    Begin { now_ms, lease_until_ms: now_ms + MINUTE_MS, charges, ..call(call_id) }
}

async fn exhausted(store: &dyn Store, begin: Begin) -> Exhausted {
    match store.begin(begin).await.unwrap() {
        BeginOutcome::Exhausted(exhausted) => exhausted,
        other => panic!("not exhausted: {other:?}"),
    }
}

#[tokio::test]
async fn a_budget_holds_and_says_when_it_frees() {
    with_each_store(|store| async move {
        let hourly = |amount| sends(amount, HOUR_MS, 10);
        begun(&*store, charging("one", NOW_MS, vec![hourly(4)])).await;
        begun(&*store, charging("two", NOW_MS + 10 * MINUTE_MS, vec![hourly(6)])).await;

        let now_ms = NOW_MS + 11 * MINUTE_MS;
        let refused = exhausted(&*store, charging("three", now_ms, vec![hourly(4)])).await;
        assert_eq!((refused.budget.as_str(), refused.window_ms, refused.max, refused.used), ("sends", HOUR_MS, 10, 10));
        let frees_at_ms = refused.frees_at_ms.unwrap();
        assert!((NOW_MS + HOUR_MS..=NOW_MS + HOUR_MS + MINUTE_MS).contains(&frees_at_ms), "{frees_at_ms}");
        exhausted(&*store, charging("three", frees_at_ms - 1, vec![hourly(4)])).await;
        begun(&*store, charging("three", frees_at_ms, vec![hourly(4)])).await;

        assert_eq!(exhausted(&*store, charging("four", now_ms, vec![hourly(11)])).await.frees_at_ms, None);
    })
    .await;
}

#[tokio::test]
async fn of_two_full_windows_the_one_named_frees_last() {
    with_each_store(|store| async move {
        let limits = vec![Limit { window_ms: HOUR_MS, max: 2 }, Limit { window_ms: DAY_MS, max: 2 }];
        let charge = || Charge { budget: "sends".to_owned(), amount: 2, limits: limits.clone(), shared: false };
        begun(&*store, charging("one", NOW_MS, vec![charge()])).await;
        assert_eq!(exhausted(&*store, charging("two", NOW_MS, vec![charge()])).await.window_ms, DAY_MS);
    })
    .await;
}

#[tokio::test]
async fn short_windows_are_as_exact_as_long_ones() {
    with_each_store(|store| async move {
        let minutely = || sends(1, MINUTE_MS, 1);
        begun(&*store, charging("one", NOW_MS, vec![minutely()])).await;
        exhausted(&*store, charging("two", NOW_MS + MINUTE_MS - 1, vec![minutely()])).await;
        begun(&*store, charging("two", NOW_MS + MINUTE_MS + SECOND_MS, vec![minutely()])).await;
        // A limit that is configured later finds what was charged before.
        assert_eq!(used(&*store, sends(0, HOUR_MS, 10), NOW_MS + 2 * MINUTE_MS).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_call_that_charges_one_budget_twice_has_to_fit_with_both() {
    with_each_store(|store| async move {
        let charges = |amount| vec![sends(6, HOUR_MS, 10), sends(amount, HOUR_MS, 10)];
        assert_eq!(exhausted(&*store, charging("one", NOW_MS, charges(5))).await.used, 6);
        begun(&*store, charging("one", NOW_MS, charges(4))).await;
        assert_eq!(used(&*store, sends(0, HOUR_MS, 10), NOW_MS).await, 10);
        settled(&*store, "one", CallOutcome::Released).await;
        assert_eq!(used(&*store, sends(0, HOUR_MS, 10), NOW_MS).await, 0);
    })
    .await;
}

#[tokio::test]
async fn only_a_released_call_gets_its_charge_back() {
    with_each_store(|store| async move {
        for (call_id, outcome, after) in [
            ("committed", CallOutcome::Committed, 3),
            ("unknown", CallOutcome::Unknown, 6),
            ("released", CallOutcome::Released, 6),
        ] {
            begun(&*store, charging(call_id, NOW_MS, vec![sends(3, DAY_MS, 100)])).await;
            settled(&*store, call_id, outcome).await;
            assert_eq!(used(&*store, sends(0, DAY_MS, 100), NOW_MS).await, after, "{call_id}");
        }
        settled(&*store, "released", CallOutcome::Released).await;
        settled(&*store, "committed", CallOutcome::Released).await;
        assert_eq!(used(&*store, sends(0, DAY_MS, 100), NOW_MS).await, 6);
        settled(&*store, "unknown", CallOutcome::Released).await;
        assert_eq!(used(&*store, sends(0, DAY_MS, 100), NOW_MS).await, 3);
    })
    .await;
}

/// A charge to the account that all callers share.
fn shared(amount: u64, max: u64) -> Charge {
    Charge { shared: true, ..sends(amount, HOUR_MS, max) }
}

#[tokio::test]
async fn callers_have_accounts_of_their_own_and_share_one() {
    with_each_store(|store| async move {
        let by = |call_id: &str, principal: &str, amount| Begin {
            principal: principal.to_owned(),
            ..charging(call_id, NOW_MS, vec![shared(amount, 5), sends(amount, HOUR_MS, 3)])
        };
        begun(&*store, by("one", LOCAL, 3)).await;
        let own = exhausted(&*store, by("two", LOCAL, 1)).await;
        assert_eq!((own.shared, own.max, own.used), (false, 3, 3));
        begun(&*store, by("two", "other", 2)).await;
        let of_all = exhausted(&*store, by("three", "other", 1)).await;
        assert_eq!((of_all.shared, of_all.max, of_all.used), (true, 5, 5));
        let seen = |principal: &str| {
            store.usage(SHOP.to_owned(), principal.to_owned(), vec![shared(0, 5), sends(0, HOUR_MS, 3)], NOW_MS)
        };
        let used =
            |usages: Vec<customerio_mcp::state::Usage>| usages.iter().map(|usage| usage.used).collect::<Vec<_>>();
        assert_eq!((used(seen(LOCAL).await.unwrap()), used(seen("other").await.unwrap())), (vec![5, 3], vec![5, 2]));
        // What did not happen is given back to both, and to the workspace's alone it makes room for the other.
        settled(&*store, "one", CallOutcome::Released).await;
        assert_eq!((used(seen(LOCAL).await.unwrap()), used(seen("other").await.unwrap())), (vec![2, 0], vec![2, 2]));
        begun(&*store, by("three", "other", 1)).await;
        begun(&*store, by("four", LOCAL, 2)).await;
        assert!(exhausted(&*store, by("five", LOCAL, 1)).await.shared);
    })
    .await;
}

#[tokio::test]
async fn budgets_are_kept_for_each_workspace_and_principal() {
    with_each_store(|store| async move {
        begun(&*store, charging("one", NOW_MS, vec![sends(1, HOUR_MS, 1)])).await;
        let elsewhere = charging("two", NOW_MS, vec![sends(1, HOUR_MS, 1)]);
        begun(&*store, Begin { principal: "other".to_owned(), ..elsewhere.clone() }).await;
        begun(&*store, Begin { workspace: "other".to_owned(), ..elsewhere.clone() }).await;
        exhausted(&*store, Begin { call_id: "three".to_owned(), ..elsewhere }).await;
    })
    .await;
}
