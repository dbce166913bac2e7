//! Calls that wait for a human: put once, decided once, used once.

use std::sync::Arc;

use customerio_mcp::state::{
    Approval, ApprovalDecision, ApprovalQuery, ApprovalState, AskApproval, AskedApproval, AuditPhase, AuditQuery,
    Begin, BeginOutcome, CallOutcome, Decided, Erasure, ErasureState, Store, WhichApprovals,
};
use tokio::task::JoinSet;

use super::{material::*, with_each_store};

fn approval(approval_id: &str, call: &str) -> Approval {
    Approval {
        approval_id: approval_id.to_owned(),
        principal: LOCAL.to_owned(),
        tool: "send_newsletter".to_owned(),
        effect: "send".to_owned(),
        call: digest(call),
        people: 12,
        audience: digest("twelve people"),
        sealed: Some(b"what a human is shown".to_vec()),
        state: ApprovalState::Pending,
        requested_at_ms: NOW_MS,
        expires_at_ms: NOW_MS + DAY_MS,
        decided_by: None,
        decided_at_ms: None,
    }
}

fn ask(approval: Approval) -> AskApproval {
    AskApproval {
        workspace: SHOP.to_owned(),
        approval,
        subjects: vec![digest("id:1")],
        not_erased: vec![digest("id:1")],
        most_pending: 3,
        now_ms: NOW_MS,
    }
}

async fn standing(store: &dyn Store, approval: Approval) -> Approval {
    match store.ask_approval(ask(approval)).await.unwrap() {
        AskedApproval::Standing(approval) => *approval,
        other => panic!("{other:?}"),
    }
}

fn decision(approval_id: &str, approve: bool) -> ApprovalDecision {
    ApprovalDecision {
        workspace: SHOP.to_owned(),
        approval_id: approval_id.to_owned(),
        approve,
        decided_by: "operator".to_owned(),
        now_ms: NOW_MS + MINUTE_MS,
        expires_at_ms: NOW_MS + HOUR_MS,
        audit: entry(approval_id, AuditPhase::Decision, "approved"),
    }
}

async fn listed(store: &dyn Store, approvals: WhichApprovals, now_ms: i64) -> Vec<String> {
    let query = ApprovalQuery { workspace: SHOP.to_owned(), approvals, now_ms, limit: 10 };
    store.list_approvals(query).await.unwrap().into_iter().map(|approval| approval.approval_id).collect()
}

fn using(call_id: &str, approval_id: &str) -> Begin {
    Begin { approval: Some(approval_id.to_owned()), now_ms: NOW_MS + 2 * MINUTE_MS, ..call(call_id) }
}

#[tokio::test]
async fn the_same_call_is_put_once_and_anew_when_it_would_reach_others() {
    with_each_store(|store| async move {
        let first = standing(&*store, approval("one", "call")).await;
        assert_eq!(first, approval("one", "call"));
        assert_eq!(standing(&*store, approval("two", "call")).await.approval_id, "one", "it is there already");
        let grown = Approval { people: 13, ..approval("three", "call") };
        assert_eq!(standing(&*store, grown.clone()).await, grown);
        assert_eq!(listed(&*store, WhichApprovals::All, NOW_MS).await, ["three"], "nobody decides about the old one");
        standing(&*store, approval("four", "another call")).await;
        assert_eq!(listed(&*store, WhichApprovals::Call(digest("call")), NOW_MS).await, ["three"]);
        assert_eq!(listed(&*store, WhichApprovals::Of(LOCAL.to_owned()), NOW_MS).await, ["four", "three"]);
        assert!(listed(&*store, WhichApprovals::Of("somebody".to_owned()), NOW_MS).await.is_empty());
        let elsewhere =
            ApprovalQuery { workspace: "other".to_owned(), approvals: WhichApprovals::All, now_ms: NOW_MS, limit: 10 };
        assert!(store.list_approvals(elsewhere).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn no_more_than_so_many_calls_of_one_principal_wait() {
    with_each_store(|store| async move {
        for number in 0..3 {
            standing(&*store, approval(&format!("id {number}"), &format!("call {number}"))).await;
        }
        let too_many = store.ask_approval(ask(approval("four", "call 4"))).await.unwrap();
        assert_eq!(too_many, AskedApproval::TooMany);
        let other = Approval { principal: "other".to_owned(), ..approval("five", "call 5") };
        standing(&*store, other).await;
        store.decide_approval(decision("id 0", false)).await.unwrap();
        standing(&*store, approval("four", "call 4")).await;
    })
    .await;
}

#[tokio::test]
async fn one_decision_stands_and_leaves_one_record() {
    with_each_store(|store| async move {
        standing(&*store, approval("one", "call")).await;
        assert_eq!(store.decide_approval(decision("none", true)).await.unwrap(), Decided::Unknown);
        let expired = ApprovalDecision { now_ms: NOW_MS + DAY_MS, ..decision("one", true) };
        assert_eq!(store.decide_approval(expired).await.unwrap(), Decided::Unknown);
        let Decided::Now(denied) = store.decide_approval(decision("one", false)).await.unwrap() else { panic!() };
        assert_eq!((denied.state, denied.decided_by.as_deref()), (ApprovalState::Denied, Some("operator")));
        assert_eq!((denied.decided_at_ms, denied.expires_at_ms), (Some(NOW_MS + MINUTE_MS), NOW_MS + HOUR_MS));
        assert_eq!(store.decide_approval(decision("one", true)).await.unwrap(), Decided::Before(denied));
        assert!(listed(&*store, WhichApprovals::Pending, NOW_MS + MINUTE_MS).await.is_empty());
        assert!(matches!(store.begin(using("call", "one")).await.unwrap(), BeginOutcome::ApprovalSpent));
        let query = AuditQuery { workspace: SHOP.to_owned(), limit: 10, ..AuditQuery::default() };
        assert_eq!(store.list_audit(query).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_approval_is_used_once_even_if_its_call_is_released() {
    with_each_store(|store| async move {
        standing(&*store, approval("one", "call")).await;
        assert!(matches!(store.begin(using("early", "one")).await.unwrap(), BeginOutcome::ApprovalSpent));
        store.decide_approval(decision("one", true)).await.unwrap();
        let late = Begin { now_ms: NOW_MS + HOUR_MS, ..using("late", "one") };
        assert!(matches!(store.begin(late).await.unwrap(), BeginOutcome::ApprovalSpent), "it has expired");
        begun(&*store, using("first", "one")).await;
        settled(&*store, "first", CallOutcome::Released).await;
        assert!(matches!(store.begin(using("second", "one")).await.unwrap(), BeginOutcome::ApprovalSpent));
        let spent = ApprovalQuery {
            workspace: SHOP.to_owned(),
            approvals: WhichApprovals::Id("one".to_owned()),
            now_ms: NOW_MS + HOUR_MS,
            limit: 1,
        };
        let spent = store.list_approvals(spent).await.unwrap().remove(0);
        assert_eq!((spent.state, spent.sealed), (ApprovalState::Spent, None));
        assert_eq!(standing(&*store, approval("two", "call")).await.approval_id, "two", "the next one is a new matter");
    })
    .await;
}

#[tokio::test]
async fn of_many_calls_at_once_one_uses_an_approval_and_one_decision_wins() {
    with_each_store(|store| async move {
        standing(&*store, approval("one", "call")).await;
        let mut deciding = JoinSet::new();
        for number in 0..16 {
            let store = Arc::clone(&store);
            deciding.spawn(async move { store.decide_approval(decision("one", number % 2 == 0)).await.unwrap() });
        }
        let decided = deciding.join_all().await;
        let won = |state| {
            decided.iter().filter(|one| matches!(one, Decided::Now(approval) if approval.state == state)).count()
        };
        // A yes may come before the no that takes it back, and nothing after that.
        assert!(won(ApprovalState::Approved) <= 1);
        assert_eq!(won(ApprovalState::Denied), 1);
        assert!(matches!(store.begin(using("denied", "one")).await.unwrap(), BeginOutcome::ApprovalSpent));

        standing(&*store, approval("two", "another call")).await;
        store.decide_approval(decision("two", true)).await.unwrap();
        let mut using_it = JoinSet::new();
        for number in 0..64 {
            let store = Arc::clone(&store);
            using_it.spawn(async move { store.begin(using(&format!("call {number}"), "two")).await.unwrap() });
        }
        let begun = using_it.join_all().await;
        assert_eq!(begun.iter().filter(|outcome| matches!(outcome, BeginOutcome::Begun)).count(), 1);
    })
    .await;
}

#[tokio::test]
async fn erasing_a_person_takes_what_waits_about_them_along() {
    with_each_store(|store| async move {
        standing(&*store, approval("one", "call")).await;
        let of_others = AskApproval { subjects: vec![digest("id:2")], ..ask(approval("two", "another call")) };
        store.ask_approval(of_others).await.unwrap();
        let erasure = Erasure {
            erasure_id: "er_1".to_owned(),
            workspace: SHOP.to_owned(),
            subjects: vec![digest("id:1")],
            state: ErasureState::Completed,
            requested_at_ms: NOW_MS,
            completed_at_ms: Some(NOW_MS),
            sealed_identifiers: None,
            receipt: None,
        };
        store.record_erasure(erasure).await.unwrap();
        assert_eq!(listed(&*store, WhichApprovals::All, NOW_MS).await, ["two"]);
    })
    .await;
}

#[tokio::test]
async fn a_yes_is_taken_back_as_long_as_no_call_has_used_it() {
    with_each_store(|store| async move {
        for (id, call) in [("one", "call"), ("two", "another call")] {
            standing(&*store, approval(id, call)).await;
            store.decide_approval(decision(id, true)).await.unwrap();
        }
        assert!(matches!(store.decide_approval(decision("one", false)).await.unwrap(), Decided::Now(_)));
        assert!(matches!(store.begin(using("first", "one")).await.unwrap(), BeginOutcome::ApprovalSpent));
        begun(&*store, using("second", "two")).await;
        assert!(matches!(store.decide_approval(decision("two", false)).await.unwrap(), Decided::Before(_)));
    })
    .await;
}

#[tokio::test]
async fn what_was_approved_is_void_when_a_call_says_so() {
    with_each_store(|store| async move {
        for (id, effect) in [("send", "send"), ("deletion", "delete")] {
            let approval = Approval { effect: effect.to_owned(), ..approval(id, id) };
            standing(&*store, approval).await;
            store.decide_approval(decision(id, true)).await.unwrap();
        }
        standing(&*store, approval("waiting", "waiting")).await;
        let changes = Begin { voids_approved: Some("send".to_owned()), now_ms: NOW_MS + MINUTE_MS, ..call("change") };
        begun(&*store, changes).await;
        assert!(matches!(store.begin(using("one", "send")).await.unwrap(), BeginOutcome::ApprovalSpent));
        begun(&*store, using("two", "deletion")).await;
        assert_eq!(listed(&*store, WhichApprovals::Pending, NOW_MS + MINUTE_MS).await, ["waiting"]);
        let anew = AskApproval { now_ms: NOW_MS + MINUTE_MS, ..ask(approval("anew", "send")) };
        let anew = store.ask_approval(anew).await.unwrap();
        assert!(matches!(anew, AskedApproval::Standing(anew) if anew.approval_id == "anew"));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_put_before_anybody_about_an_erased_person() {
    with_each_store(|store| async move {
        let erasure = Erasure {
            erasure_id: "er_1".to_owned(),
            workspace: SHOP.to_owned(),
            subjects: vec![digest("id:1")],
            state: ErasureState::Pending,
            requested_at_ms: NOW_MS,
            completed_at_ms: None,
            sealed_identifiers: None,
            receipt: None,
        };
        store.record_erasure(erasure).await.unwrap();
        let asked = store.ask_approval(ask(approval("one", "call"))).await.unwrap();
        assert!(matches!(asked, AskedApproval::Erased(_)), "{asked:?}");
        let of_the_erasure = AskApproval { not_erased: Vec::new(), ..ask(approval("two", "erasure")) };
        assert!(matches!(store.ask_approval(of_the_erasure).await.unwrap(), AskedApproval::Standing(_)));
    })
    .await;
}
