//! Rolling budgets.

use rusqlite::{Connection, params};

use crate::state::{
    Begin, Charge, Exhausted, Limit, StoreError, Usage,
    call::account_of,
    stored::counted,
    windows::{self, Bucket, Entry},
};

/// Whose budgets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account<'a> {
    pub(super) workspace: &'a str,
    pub(super) principal: &'a str,
}

/// The limit that does not hold the charges of `begin`; of several the one that takes longest to free.
pub(super) fn check(connection: &Connection, begin: &Begin) -> Result<Option<Exhausted>, StoreError> {
    let mut worst: Option<Exhausted> = None;
    for (place, charge) in begin.charges.iter().enumerate() {
        let account = Account { workspace: &begin.workspace, principal: charge.account(&begin.principal) };
        let pending = windows::amount_before(&begin.charges[..place], charge);
        for limit in &charge.limits {
            let used = used(connection, account, &charge.budget, limit, begin.now_ms)?;
            if windows::fits(charge, limit, used.saturating_add(pending)) {
                continue;
            }
            let buckets = buckets(connection, account, &charge.budget, limit, begin.now_ms)?;
            let exhausted = windows::exhausted(charge, limit, &buckets, pending);
            worst = Some(match worst {
                Some(worst) => windows::stricter(worst, exhausted),
                None => exhausted,
            });
        }
    }
    Ok(worst)
}

/// The sum of the buckets that count.
fn used(
    connection: &Connection,
    account: Account<'_>,
    budget: &str,
    limit: &Limit,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let width_ms = windows::bucket_width_ms(limit.window_ms);
    let after_ms = windows::counted_after_ms(now_ms, limit.window_ms);
    let sum: i64 = connection
        .prepare_cached(
            "SELECT ifnull(sum(amount), 0) FROM budget_buckets \
             WHERE workspace = ?1 AND principal = ?2 AND budget = ?3 AND width_ms = ?4 AND bucket_ms > ?5",
        )?
        .query_row(params![account.workspace, account.principal, budget, width_ms, after_ms], |row| row.get(0))?;
    Ok(counted(sum))
}

/// The buckets that count, oldest first: asked for only to say when a charge will fit.
fn buckets(
    connection: &Connection,
    account: Account<'_>,
    budget: &str,
    limit: &Limit,
    now_ms: i64,
) -> Result<Vec<Bucket>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT bucket_ms, amount FROM budget_buckets \
         WHERE workspace = ?1 AND principal = ?2 AND budget = ?3 AND width_ms = ?4 AND bucket_ms > ?5 \
         ORDER BY bucket_ms",
    )?;
    let width_ms = windows::bucket_width_ms(limit.window_ms);
    let after_ms = windows::counted_after_ms(now_ms, limit.window_ms);
    let rows = statement
        .query_map(params![account.workspace, account.principal, budget, width_ms, after_ms], |row| {
            Ok(Bucket { start_ms: row.get(0)?, amount: counted(row.get(1)?) })
        })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Charges what `begin` asks for.
pub(super) fn charge(connection: &Connection, begin: &Begin) -> Result<(), StoreError> {
    for Entry(budget, width_ms, bucket_ms, amount, shared) in windows::entries(begin) {
        let account = Account { workspace: &begin.workspace, principal: account_of(&begin.principal, shared) };
        // With a new bucket goes what is too old to count.
        if add_to_bucket(connection, account, &budget, width_ms, bucket_ms, amount)? {
            drop_old_buckets(connection, account, &budget, width_ms, begin.now_ms)?;
        }
    }
    Ok(())
}

/// Whether the bucket is new.
fn add_to_bucket(
    connection: &Connection,
    account: Account<'_>,
    budget: &str,
    width_ms: i64,
    bucket_ms: i64,
    amount: i64,
) -> Result<bool, StoreError> {
    let added = connection
        .prepare_cached(
            "UPDATE budget_buckets SET amount = amount + ?6 \
             WHERE workspace = ?1 AND principal = ?2 AND budget = ?3 AND width_ms = ?4 AND bucket_ms = ?5",
        )?
        .execute(params![account.workspace, account.principal, budget, width_ms, bucket_ms, amount])?;
    if added > 0 {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "INSERT INTO budget_buckets (workspace, principal, budget, width_ms, bucket_ms, amount) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![account.workspace, account.principal, budget, width_ms, bucket_ms, amount])?;
    Ok(true)
}

fn drop_old_buckets(
    connection: &Connection,
    account: Account<'_>,
    budget: &str,
    width_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let kept_from_ms = windows::kept_from_ms(now_ms, width_ms);
    connection
        .prepare_cached(
            "DELETE FROM budget_buckets \
             WHERE workspace = ?1 AND principal = ?2 AND budget = ?3 AND width_ms = ?4 AND bucket_ms < ?5",
        )?
        .execute(params![account.workspace, account.principal, budget, width_ms, kept_from_ms])?;
    Ok(())
}

/// Puts back into the buckets what was taken out for a call that happened after all.
pub(super) fn charge_again(connection: &Connection, account: Account<'_>, call_row: i64) -> Result<(), StoreError> {
    for_each_charge(connection, account, call_row, |account, budget, width_ms, bucket_ms, amount| {
        add_to_bucket(connection, account, budget, width_ms, bucket_ms, amount).map(drop)
    })
}

/// Takes out of the buckets what a call had put in that did not happen.
pub(super) fn refund(connection: &Connection, account: Account<'_>, call_row: i64) -> Result<(), StoreError> {
    for_each_charge(connection, account, call_row, |account, budget, width_ms, bucket_ms, amount| {
        connection
            .prepare_cached(
                "UPDATE budget_buckets SET amount = max(0, amount - ?6) \
                 WHERE workspace = ?1 AND principal = ?2 AND budget = ?3 AND width_ms = ?4 AND bucket_ms = ?5",
            )?
            .execute(params![account.workspace, account.principal, budget, width_ms, bucket_ms, amount])?;
        Ok(())
    })
}

fn for_each_charge(
    connection: &Connection,
    caller: Account<'_>,
    call_row: i64,
    mut each: impl FnMut(Account<'_>, &str, i64, i64, i64) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let kept: Option<String> = connection
        .prepare_cached("SELECT charges FROM calls WHERE row = ?1")?
        .query_row([call_row], |row| row.get(0))?;
    let Some(kept) = kept else { return Ok(()) };
    for Entry(budget, width_ms, bucket_ms, amount, shared) in windows::kept_entries(&kept)? {
        let account = Account { principal: account_of(caller.principal, shared), ..caller };
        each(account, &budget, width_ms, bucket_ms, amount)?;
    }
    Ok(())
}

/// Forgets what a call had charged: it will not be charged again.
pub(super) fn forget(connection: &Connection, call_row: i64) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE calls SET charges = NULL WHERE row = ?1")?.execute([call_row])?;
    Ok(())
}

pub(super) fn usage(
    connection: &Connection,
    caller: Account<'_>,
    charges: &[Charge],
    now_ms: i64,
) -> Result<Vec<Usage>, StoreError> {
    let mut usages = Vec::new();
    for charge in charges {
        let account = Account { principal: charge.account(caller.principal), ..caller };
        for limit in &charge.limits {
            let used = used(connection, account, &charge.budget, limit, now_ms)?;
            let Limit { window_ms, max } = *limit;
            usages.push(Usage { budget: charge.budget.clone(), shared: charge.shared, window_ms, max, used });
        }
    }
    Ok(usages)
}
