use customerio_mcp::state::{
    Begin, BeginOutcome, CallOutcome, Import, ImportClaim, ImportRefusal, ImportState, ImportStep, ImportUse,
    OpenImport, OpenedImport, Store,
};

use super::{material::*, with_each_store};

fn opening(handle: &str, holder: &str, now_ms: i64) -> OpenImport {
    OpenImport {
        workspace: SHOP.to_owned(),
        principal: LOCAL.to_owned(),
        tool: "track_events".to_owned(),
        arguments: digest("arguments"),
        handle: handle.to_owned(),
        progress: "{}".to_owned(),
        sealed: b"sealed".to_vec(),
        holder: holder.to_owned(),
        until_ms: now_ms + 10 * SECOND_MS,
        now_ms,
        alive_since_ms: now_ms - DAY_MS,
        done_since_ms: now_ms - 10 * MINUTE_MS,
    }
}

fn claim(handle: &str, holder: &str, now_ms: i64) -> ImportClaim {
    ImportClaim {
        workspace: SHOP.to_owned(),
        principal: LOCAL.to_owned(),
        tool: "track_events".to_owned(),
        handle: handle.to_owned(),
        holder: Some(holder.to_owned()),
        until_ms: now_ms + 10 * SECOND_MS,
        now_ms,
    }
}

fn step(handle: &str, holder: &str, state: ImportState, now_ms: i64) -> ImportStep {
    ImportStep {
        workspace: SHOP.to_owned(),
        handle: handle.to_owned(),
        holder: holder.to_owned(),
        until_ms: now_ms + 10 * SECOND_MS,
        now_ms,
        state,
        progress: format!("{state:?}"),
        refusals: Vec::new(),
        anew: false,
    }
}

fn import(opened: OpenedImport) -> Import {
    match opened {
        OpenedImport::New(import) | OpenedImport::Known(import) => import,
        busy @ OpenedImport::Busy { .. } => panic!("{busy:?}"),
    }
}

fn refusal(row: u64) -> ImportRefusal {
    ImportRefusal { row, field: None, code: "invalid_argument".to_owned(), reason: "why".to_owned() }
}

/// A call that works on an import.
fn working(call_id: &str, handle: &str, starts: bool) -> Begin {
    let charges = if starts { vec![sends(3, HOUR_MS, 5)] } else { Vec::new() };
    Begin { import: Some(ImportUse { handle: handle.to_owned(), starts }), charges, ..call(call_id) }
}

async fn opened(store: &dyn Store, handle: &str, holder: &str) {
    let found = store.open_import(opening(handle, holder, NOW_MS)).await.unwrap();
    assert!(matches!(found, OpenedImport::New(_)), "{found:?}");
}

async fn checked(store: &dyn Store, handle: &str, holder: &str) {
    opened(store, handle, holder).await;
    assert!(store.advance_import(step(handle, holder, ImportState::Checked, NOW_MS)).await.unwrap());
}

#[tokio::test]
async fn the_same_call_finds_its_import_unless_another_works_on_it() {
    with_each_store(|store| async move {
        opened(&*store, "imp_1", "one").await;
        let busy = store.open_import(opening("imp_2", "two", NOW_MS + 1)).await.unwrap();
        assert_eq!(busy, OpenedImport::Busy { handle: "imp_1".to_owned(), until_ms: NOW_MS + 10 * SECOND_MS });
        assert!(matches!(
            store.claim_import(claim("imp_1", "two", NOW_MS + 1)).await.unwrap(),
            Some(OpenedImport::Busy { .. })
        ));
        // Only a look takes nothing and waits for nobody.
        let look = ImportClaim { holder: None, ..claim("imp_1", "two", NOW_MS + 1) };
        assert!(matches!(store.claim_import(look).await.unwrap(), Some(OpenedImport::Known(_))));
        // Whoever was killed loses it when its time is over; whoever has it still may go on.
        assert!(store.advance_import(step("imp_1", "one", ImportState::Checking, NOW_MS)).await.unwrap());
        let later_ms = NOW_MS + 10 * SECOND_MS;
        let found = import(store.open_import(opening("imp_2", "two", later_ms)).await.unwrap());
        assert_eq!((found.handle.as_str(), found.sealed.as_slice()), ("imp_1", b"sealed".as_slice()));
        assert!(!store.advance_import(step("imp_1", "one", ImportState::Checking, later_ms)).await.unwrap());
        store.release_import(SHOP.to_owned(), "two".to_owned()).await.unwrap();
        import(store.claim_import(claim("imp_1", "three", later_ms)).await.unwrap().unwrap());
    })
    .await;
}

#[tokio::test]
async fn an_import_is_its_principals_and_tools_own() {
    with_each_store(|store| async move {
        opened(&*store, "imp_1", "one").await;
        for other in [
            ImportClaim { principal: "other".to_owned(), ..claim("imp_1", "one", NOW_MS) },
            ImportClaim { tool: "import_customers".to_owned(), ..claim("imp_1", "one", NOW_MS) },
            ImportClaim { workspace: "other".to_owned(), ..claim("imp_1", "one", NOW_MS) },
            claim("imp_2", "one", NOW_MS),
        ] {
            assert_eq!(store.claim_import(other).await.unwrap(), None);
        }
        let other = OpenImport { principal: "other".to_owned(), ..opening("imp_2", "two", NOW_MS) };
        assert!(matches!(store.open_import(other).await.unwrap(), OpenedImport::New(_)));
    })
    .await;
}

#[tokio::test]
async fn an_import_is_charged_by_one_call_and_gone_on_with_for_nothing() {
    with_each_store(|store| async move {
        opened(&*store, "imp_1", "one").await;
        let early = store.begin(working("one", "imp_1", true)).await.unwrap();
        assert!(matches!(early, BeginOutcome::ImportTaken), "rows are not checked yet: {early:?}");
        store.advance_import(step("imp_1", "one", ImportState::Checked, NOW_MS)).await.unwrap();
        let other = store.begin(working("two", "imp_1", true)).await.unwrap();
        assert!(matches!(other, BeginOutcome::ImportTaken), "it is another call's: {other:?}");
        let free = store.begin(working("one", "imp_1", false)).await.unwrap();
        assert!(matches!(free, BeginOutcome::ImportTaken), "it is not charged yet: {free:?}");
        begun(&*store, working("one", "imp_1", true)).await;
        settled(&*store, "one", CallOutcome::Committed).await;
        store.release_import(SHOP.to_owned(), "one".to_owned()).await.unwrap();

        let going_on = import(store.claim_import(claim("imp_1", "two", NOW_MS)).await.unwrap().unwrap());
        assert_eq!(going_on.state, ImportState::Writing);
        let again = store.begin(working("two", "imp_1", true)).await.unwrap();
        assert!(matches!(again, BeginOutcome::ImportTaken), "it was charged before: {again:?}");
        begun(&*store, working("two", "imp_1", false)).await;
        let used = store.usage(SHOP.to_owned(), LOCAL.to_owned(), vec![sends(0, HOUR_MS, 5)], NOW_MS).await.unwrap();
        assert_eq!(used[0].used, 3);
    })
    .await;
}

#[tokio::test]
async fn an_import_whose_charges_came_back_is_charged_again() {
    with_each_store(|store| async move {
        checked(&*store, "imp_1", "one").await;
        begun(&*store, working("one", "imp_1", true)).await;
        settled(&*store, "one", CallOutcome::Released).await;
        store.release_import(SHOP.to_owned(), "one".to_owned()).await.unwrap();
        let found = import(store.claim_import(claim("imp_1", "two", NOW_MS)).await.unwrap().unwrap());
        assert_eq!(found.state, ImportState::Checked);
        let free = store.begin(working("two", "imp_1", false)).await.unwrap();
        assert!(matches!(free, BeginOutcome::ImportTaken), "{free:?}");
        begun(&*store, working("two", "imp_1", true)).await;
    })
    .await;
}

#[tokio::test]
async fn an_exhausted_budget_leaves_an_import_as_it_was() {
    with_each_store(|store| async move {
        checked(&*store, "imp_1", "one").await;
        let large = Begin { charges: vec![sends(6, HOUR_MS, 5)], ..working("one", "imp_1", true) };
        assert!(matches!(store.begin(large).await.unwrap(), BeginOutcome::Exhausted(_)));
        begun(&*store, working("one", "imp_1", true)).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_done_is_found_for_a_while_and_forgotten_after_a_week() {
    with_each_store(|store| async move {
        checked(&*store, "imp_1", "one").await;
        let done = ImportStep { refusals: vec![refusal(7)], ..step("imp_1", "one", ImportState::Done, NOW_MS) };
        store.advance_import(done).await.unwrap();
        let soon = import(store.open_import(opening("imp_2", "two", NOW_MS + 10 * MINUTE_MS)).await.unwrap());
        assert_eq!((soon.handle.as_str(), soon.state), ("imp_1", ImportState::Done));
        let late = store.open_import(opening("imp_2", "two", NOW_MS + 10 * MINUTE_MS + 1)).await.unwrap();
        assert!(matches!(late, OpenedImport::New(_)));
        let weeks_ms = NOW_MS + 8 * DAY_MS;
        store.open_import(opening("imp_3", "three", weeks_ms)).await.unwrap();
        assert_eq!(store.claim_import(claim("imp_1", "four", weeks_ms)).await.unwrap(), None);
        assert_eq!(store.import_refusals(SHOP.to_owned(), "imp_1".to_owned(), 0, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn refused_rows_are_kept_in_order_and_gone_when_an_import_begins_anew() {
    with_each_store(|store| async move {
        opened(&*store, "imp_1", "one").await;
        for rows in [[5, 30], [7, 5]] {
            let refusals = rows.map(refusal).to_vec();
            let step = ImportStep { refusals, ..step("imp_1", "one", ImportState::Checking, NOW_MS) };
            store.advance_import(step).await.unwrap();
        }
        let rows = async |after, limit| {
            let found = store.import_refusals(SHOP.to_owned(), "imp_1".to_owned(), after, limit).await.unwrap();
            found.into_iter().map(|refusal| refusal.row).collect::<Vec<_>>()
        };
        assert_eq!((rows(0, 2).await, rows(7, 2).await), (vec![5, 7], vec![30]));
        let anew = ImportStep { anew: true, ..step("imp_1", "one", ImportState::Checking, NOW_MS) };
        store.advance_import(anew).await.unwrap();
        assert_eq!(rows(0, 9).await, Vec::<u64>::new());
    })
    .await;
}
