//! The fault matrix: every kind of operation against every way in which its requests can go wrong, once and for good.
//!
//! Each row is a product of its own that makes one call, and the same call again when the faults are gone. The witness is
//! the sandbox's own state; what the product answers and what its ledger says are held against it, by the rules in
//! `cell.rs` and by the tables below.

mod cell;
mod database;
mod fault;
mod gone;
mod operation;

use customerio_mcp::catalog::Retry;
use futures_util::future::join_all;
use serde_json::json;

use self::{
    cell::Cell,
    fault::Fault,
    operation::{Operation, Witness},
};

/// Runs an operation against every fault, holds each to the rules, and shows all.
async fn table(operation: &Operation) -> String {
    let mut cells = Vec::new();
    // What is measured in time comes last, when nothing else keeps the machine busy.
    for wave in [&Fault::UNTIMED[..], &[Fault::Slow]] {
        let rows = wave.iter().flat_map(|fault| fault.hows().iter().map(move |how| (*fault, *how)));
        cells.extend(join_all(rows.map(|(fault, how)| Cell::run(operation, fault, how))).await);
    }
    // The first row meets no fault: it shows what the operation does, and costs, undisturbed.
    for cell in &cells {
        cell.must_hold(operation, &cells[0]);
    }
    cell::aligned(&cells)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_created() {
    let operation = Operation {
        tool: "identify_customer",
        arguments: json!({ "id": "cust_9001", "email": "zoe@shop.io", "attributes": { "plan": "gold" } }),
        retry: Retry::Natural,
        request: "identify",
        path: "PUT /api/v1/customers/{identifier}",
        read: "getPersonAttributes",
        witness: Witness::Count("people"),
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer                told     safe  requests  effects  ledger     charged  | again             told  requests  effects
    none                            0       applied, created      done           1         1        committed  2        | applied, updated  done  1         0
    429                     once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    429                     always  4       rate_limited          nothing  yes   4         0        released   0        | applied, created  done  1         1
    429, an hour            once    1       rate_limited          nothing  yes   1         0        released   0        | applied, created  done  1         1
    429, an hour            always  1       rate_limited          nothing  yes   1         0        released   0        | applied, created  done  1         1
    500 before              once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    500 before              always  4       upstream_unavailable  unknown  yes   4         0        unknown    2        | applied, created  done  1         1
    500 after               once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    500 after               always  4       accepted, created     done           4         1        committed  2        | applied, updated  done  1         0
    drop before             once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    drop before             always  4       upstream_unavailable  unknown  yes   4         0        unknown    2        | applied, created  done  1         1
    drop after              once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    drop after              always  4       accepted, created     done           4         1        committed  2        | applied, updated  done  1         0
    stale read              once    1       applied, created      done           1         1        committed  2        | applied, updated  done  1         0
    stale read              always  4       accepted, created     done           1         1        committed  2        | applied, updated  done  1         0
    drop after, stale read  once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    drop after, stale read  always  4       upstream_unavailable  unknown  yes   4         1        unknown    2        | applied, updated  done  1         0
    timeout                 once    1       applied, created      done           2         1        committed  2        | applied, updated  done  1         0
    timeout                 always  4       accepted, created     done           4         1        committed  2        | applied, updated  done  1         0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_updated() {
    let operation = Operation {
        tool: "identify_customer",
        arguments: json!({ "id": "cust_0002", "attributes": { "plan": "platinum" } }),
        retry: Retry::Natural,
        request: "identify",
        path: "PUT /api/v1/customers/{identifier}",
        read: "getPersonAttributes",
        witness: Witness::Plan { of: "cust_0002", is: "platinum" },
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer                told     safe  requests  effects  ledger     charged  | again             told  requests  effects
    none                            0       applied, updated      done           1         1        committed  1        | applied, updated  done  1         0
    429                     once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    429                     always  4       rate_limited          nothing  yes   4         0        released   0        | applied, updated  done  1         1
    429, an hour            once    1       rate_limited          nothing  yes   1         0        released   0        | applied, updated  done  1         1
    429, an hour            always  1       rate_limited          nothing  yes   1         0        released   0        | applied, updated  done  1         1
    500 before              once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    500 before              always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | applied, updated  done  1         1
    500 after               once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    500 after               always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | applied, updated  done  1         0
    drop before             once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    drop before             always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | applied, updated  done  1         1
    drop after              once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    drop after              always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | applied, updated  done  1         0
    stale read              once    1       applied, updated      done           1         1        committed  1        | applied, updated  done  1         0
    stale read              always  4       accepted, updated     done           1         1        committed  1        | applied, updated  done  1         0
    drop after, stale read  once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    drop after, stale read  always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | applied, updated  done  1         0
    timeout                 once    1       applied, updated      done           2         1        committed  1        | applied, updated  done  1         0
    timeout                 always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | applied, updated  done  1         0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_joins_a_segment() {
    let operation = Operation {
        tool: "add_to_segment",
        arguments: json!({ "segment_id": 2, "customers": ["cust_0005"] }),
        retry: Retry::Natural,
        request: "add_to_segment",
        path: "POST /api/v1/segments/{segment_id}/add_customers",
        read: "getSegment",
        witness: Witness::Members { segment_id: 2 },
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer                told     safe  requests  effects  ledger     charged  | again     told  requests  effects
    none                            0       accepted              done           1         1        committed  1        | accepted  done  1         0
    429                     once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    429                     always  4       rate_limited          nothing  yes   4         0        released   0        | accepted  done  1         1
    429, an hour            once    1       rate_limited          nothing  yes   1         0        released   0        | accepted  done  1         1
    429, an hour            always  1       rate_limited          nothing  yes   1         0        released   0        | accepted  done  1         1
    500 before              once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    500 before              always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | accepted  done  1         1
    500 after               once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    500 after               always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | accepted  done  1         0
    drop before             once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    drop before             always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | accepted  done  1         1
    drop after              once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    drop after              always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | accepted  done  1         0
    stale read              once    1       accepted              done           1         1        committed  1        | accepted  done  1         0
    stale read              always  1       accepted              done           1         1        committed  1        | accepted  done  1         0
    drop after, stale read  once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    drop after, stale read  always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | accepted  done  1         0
    timeout                 once    1       accepted              done           2         1        committed  1        | accepted  done  1         0
    timeout                 always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | accepted  done  1         0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_deleted() {
    let operation = Operation {
        tool: "delete_customer",
        arguments: json!({ "customer": "cust_0002" }),
        retry: Retry::Natural,
        request: "delete",
        path: "DELETE /api/v1/customers/{identifier}",
        read: "getPersonAttributes",
        witness: Witness::Count("people"),
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer                told     safe  requests  effects  ledger     charged  | again               told     requests  effects
    none                            0       applied               done           1         1        committed  1        | customer_not_found  nothing  0         0
    429                     once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    429                     always  4       rate_limited          nothing  yes   4         0        released   0        | applied             done     1         1
    429, an hour            once    1       rate_limited          nothing  yes   1         0        released   0        | applied             done     1         1
    429, an hour            always  1       rate_limited          nothing  yes   1         0        released   0        | applied             done     1         1
    500 before              once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    500 before              always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | applied             done     1         1
    500 after               once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    500 after               always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | customer_not_found  nothing  0         0
    drop before             once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    drop before             always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | applied             done     1         1
    drop after              once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    drop after              always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | customer_not_found  nothing  0         0
    stale read              once    1       applied               done           1         1        committed  1        | customer_not_found  nothing  0         0
    stale read              always  4       accepted              done           1         1        committed  1        | customer_not_found  nothing  0         0
    drop after, stale read  once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    drop after, stale read  always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | customer_not_found  nothing  0         0
    timeout                 once    1       applied               done           2         1        committed  1        | customer_not_found  nothing  0         0
    timeout                 always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | customer_not_found  nothing  0         0
    ");
}

/// Natural like the deletion of a person, but here Customer.io says of a second one that there is nothing to delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_deleted() {
    let operation = Operation {
        tool: "delete_segment",
        arguments: json!({ "segment_id": 2 }),
        retry: Retry::Natural,
        request: "deleteManSegment",
        path: "DELETE /v1/segments/{segment_id}",
        read: "getSegment",
        witness: Witness::Count("segments"),
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer                told     safe  requests  effects  ledger     charged  | again      told     requests  effects
    none                            0       applied               done           1         1        committed  1        | not_found  nothing  0         0
    429                     once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    429                     always  4       rate_limited          nothing  yes   4         0        released   0        | applied    done     1         1
    429, an hour            once    1       rate_limited          nothing  yes   1         0        released   0        | applied    done     1         1
    429, an hour            always  1       rate_limited          nothing  yes   1         0        released   0        | applied    done     1         1
    500 before              once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    500 before              always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | applied    done     1         1
    500 after               once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    500 after               always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | not_found  nothing  0         0
    drop before             once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    drop before             always  4       upstream_unavailable  unknown  yes   4         0        unknown    1        | applied    done     1         1
    drop after              once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    drop after              always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | not_found  nothing  0         0
    stale read              once    1       applied               done           1         1        committed  1        | not_found  nothing  0         0
    stale read              always  2       accepted              done           1         1        committed  1        | not_found  nothing  0         0
    drop after, stale read  once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    drop after, stale read  always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | not_found  nothing  0         0
    timeout                 once    1       applied               done           2         1        committed  1        | not_found  nothing  0         0
    timeout                 always  4       upstream_unavailable  unknown  yes   4         1        unknown    1        | not_found  nothing  0         0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_recorded() {
    let operation = Operation {
        tool: "track_event",
        arguments: json!({ "customer": "cust_0001", "name": "order placed" }),
        retry: Retry::Ulid,
        request: "track",
        path: "POST /api/v1/customers/{identifier}/events",
        read: "getPeopleById",
        witness: Witness::Count("events"),
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer                told     safe  requests  effects  ledger     charged  | again     told  requests  effects
    none                            0       accepted              done           1         1        committed  1        | accepted  done  1         1
    429                     once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    429                     always  4       rate_limited          nothing  yes   4         0        released   0        | accepted  done  1         1
    429, an hour            once    1       rate_limited          nothing  yes   1         0        released   0        | accepted  done  1         1
    429, an hour            always  1       rate_limited          nothing  yes   1         0        released   0        | accepted  done  1         1
    500 before              once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    500 before              always  4       upstream_unavailable  unknown  no    4         0        unknown    1        | accepted  done  1         1
    500 after               once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    500 after               always  4       upstream_unavailable  unknown  no    4         1        unknown    1        | accepted  done  1         1
    drop before             once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    drop before             always  4       upstream_unavailable  unknown  no    4         0        unknown    1        | accepted  done  1         1
    drop after              once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    drop after              always  4       upstream_unavailable  unknown  no    4         1        unknown    1        | accepted  done  1         1
    stale read              once    1       accepted              done           1         1        committed  1        | accepted  done  1         1
    stale read              always  1       accepted              done           1         1        committed  1        | accepted  done  1         1
    drop after, stale read  once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    drop after, stale read  always  4       upstream_unavailable  unknown  no    4         1        unknown    1        | accepted  done  1         1
    timeout                 once    1       accepted              done           2         1        committed  1        | accepted  done  1         1
    timeout                 always  4       upstream_unavailable  unknown  no    4         1        unknown    1        | accepted  done  1         1
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_sent() {
    let operation = Operation {
        tool: "send_transactional",
        arguments: json!({
            "template": "order_confirmation", "customer": "cust_0001", "message_data": { "order_id": "A-1" },
        }),
        retry: Retry::Ledger,
        request: "sendEmail",
        path: "POST /v1/send/email",
        read: "transactionalMessages",
        witness: Witness::Count("deliveries"),
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer           told     safe  requests  effects  ledger     charged  | again                     told     requests  effects
    none                            0       queued           done           1         1        committed  1        | queued, duplicate         done     0         0
    429                     once    1       rate_limited     nothing  yes   1         0        released   0        | queued                    done     1         1
    429                     always  1       rate_limited     nothing  yes   1         0        released   0        | queued                    done     1         1
    429, an hour            once    1       rate_limited     nothing  yes   1         0        released   0        | queued                    done     1         1
    429, an hour            always  1       rate_limited     nothing  yes   1         0        released   0        | queued                    done     1         1
    500 before              once    1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown           unknown  0         0
    500 before              always  1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown           unknown  0         0
    500 after               once    1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    500 after               always  1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    drop before             once    1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown           unknown  0         0
    drop before             always  1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown           unknown  0         0
    drop after              once    1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    drop after              always  1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    stale read              once    0       queued           done           1         1        committed  1        | queued, duplicate         done     0         0
    stale read              always  0       queued           done           1         1        committed  1        | queued, duplicate         done     0         0
    drop after, stale read  once    1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    drop after, stale read  always  1       outcome_unknown  unknown  no    1         1        unknown    1        | queued, found, duplicate  done     0         0
    timeout                 once    1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    timeout                 always  1       queued, found    done           1         1        committed  1        | queued, found, duplicate  done     0         0
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_created() {
    let operation = Operation {
        tool: "create_segment",
        arguments: json!({ "name": "Spring buyers" }),
        retry: Retry::Ledger,
        request: "createManSegment",
        path: "POST /v1/segments",
        read: "listSegments",
        witness: Witness::Count("segments"),
    };
    insta::assert_snapshot!(table(&operation).await, @"
    fault                           struck  answer           told     safe  requests  effects  ledger     charged  | again               told     requests  effects
    none                            0       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    429                     once    1       rate_limited     nothing  yes   1         0        released   0        | applied             done     1         1
    429                     always  1       rate_limited     nothing  yes   1         0        released   0        | applied             done     1         1
    429, an hour            once    1       rate_limited     nothing  yes   1         0        released   0        | applied             done     1         1
    429, an hour            always  1       rate_limited     nothing  yes   1         0        released   0        | applied             done     1         1
    500 before              once    1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown     unknown  0         0
    500 before              always  1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown     unknown  0         0
    500 after               once    1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    500 after               always  1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    drop before             once    1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown     unknown  0         0
    drop before             always  1       outcome_unknown  unknown  no    1         0        unknown    1        | outcome_unknown     unknown  0         0
    drop after              once    1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    drop after              always  1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    stale read              once    1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    stale read              always  1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    drop after, stale read  once    1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    drop after, stale read  always  1       outcome_unknown  unknown  no    1         1        unknown    1        | applied, duplicate  done     0         0
    timeout                 once    1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    timeout                 always  1       applied          done           1         1        committed  1        | applied, duplicate  done     0         0
    ");
}
