//! Rolling budgets.

use std::collections::BTreeMap;

use deadpool_postgres::Client;
use tokio_postgres::{Row, Statement};

use super::{
    columns::{Attempt, get},
    core::Core,
    transaction::{Transaction, prepare},
};
use crate::state::{
    Begin, Charge, Exhausted, Limit, Usage,
    call::account_of,
    stored::counted,
    windows::{self, Bucket, Entry},
};

/// What the buckets that count hold, of each limit asked about. A day has more than a thousand buckets: each sum reads its
/// own by the index, and none of them leaves the database.
pub(super) const COUNTED: &str = "SELECT asked.place, (SELECT coalesce(sum(amount), 0)::bigint FROM budget_buckets AS held \
    WHERE held.workspace = $1 AND held.principal = asked.principal AND held.budget = asked.budget \
    AND held.width_ms = asked.width_ms AND held.bucket_ms > asked.after_ms) \
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY \
    AS asked (principal, budget, width_ms, after_ms, place)";

/// The same buckets themselves, oldest first: when one of them is too full, they tell when it will not be.
const BUCKETS: &str = "SELECT asked.place, bucket_ms, amount \
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) WITH ORDINALITY \
    AS asked (principal, budget, width_ms, after_ms, place) JOIN budget_buckets USING (principal, budget, width_ms) \
    WHERE workspace = $1 AND bucket_ms > after_ms ORDER BY asked.place, bucket_ms";

/// Adds to buckets, making those that are new.
pub(super) const CHARGE: &str = "INSERT INTO budget_buckets (workspace, principal, budget, width_ms, bucket_ms, amount) \
    SELECT $1, entry.* FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) AS entry \
    ON CONFLICT (workspace, principal, budget, width_ms, bucket_ms) DO UPDATE \
    SET amount = budget_buckets.amount + excluded.amount";

const REFUND: &str = "UPDATE budget_buckets SET amount = greatest(0, budget_buckets.amount - entry.amount) \
    FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[]) \
    AS entry (principal, budget, width_ms, bucket_ms, amount) \
    WHERE workspace = $1 AND budget_buckets.principal = entry.principal AND budget_buckets.budget = entry.budget \
    AND budget_buckets.width_ms = entry.width_ms AND budget_buckets.bucket_ms = entry.bucket_ms";

/// The limits of some charges, as the parameters of [`COUNTED`].
pub(super) struct Asked<'a> {
    pub(super) accounts: Vec<&'a str>,
    pub(super) budgets: Vec<String>,
    pub(super) widths_ms: Vec<i64>,
    pub(super) after_ms: Vec<i64>,
}

impl<'a> Asked<'a> {
    pub(super) fn about(principal: &'a str, charges: &[Charge], now_ms: i64) -> Self {
        let mut asked = Self { accounts: Vec::new(), budgets: Vec::new(), widths_ms: Vec::new(), after_ms: Vec::new() };
        for charge in charges {
            for limit in &charge.limits {
                asked.accounts.push(charge.account(principal));
                asked.budgets.push(charge.budget.clone());
                asked.widths_ms.push(windows::bucket_width_ms(limit.window_ms));
                asked.after_ms.push(windows::counted_after_ms(now_ms, limit.window_ms));
            }
        }
        asked
    }
}

/// The buckets of each limit, in the order asked.
fn buckets(rows: &[Row], limits: usize) -> Attempt<Vec<Vec<Bucket>>> {
    let mut buckets = vec![Vec::new(); limits];
    for row in rows {
        let place: i64 = get(row, 0)?;
        if let Some(of_limit) = usize::try_from(place - 1).ok().and_then(|place| buckets.get_mut(place)) {
            of_limit.push(Bucket { start_ms: get(row, 1)?, amount: counted(get(row, 2)?) });
        }
    }
    Ok(buckets)
}

fn limits(charges: &[Charge]) -> usize {
    charges.iter().map(|charge| charge.limits.len()).sum()
}

/// What each limit holds, in the order asked.
fn sums(rows: &[Row], limits: usize) -> Attempt<Vec<u64>> {
    let mut sums = vec![0; limits];
    for row in rows {
        let place: i64 = get(row, 0)?;
        if let Some(sum) = usize::try_from(place - 1).ok().and_then(|place| sums.get_mut(place)) {
            *sum = counted(get(row, 1)?);
        }
    }
    Ok(sums)
}

/// Whether every limit holds the charges of `begin`, given what [`COUNTED`] has found.
pub(super) fn fit(begin: &Begin, rows: &[Row]) -> Attempt<bool> {
    let mut sums = sums(rows, limits(&begin.charges))?.into_iter();
    let mut fit = true;
    for (place, charge) in begin.charges.iter().enumerate() {
        let pending = windows::amount_before(&begin.charges[..place], charge);
        for (limit, used) in charge.limits.iter().zip(&mut sums) {
            fit &= windows::fits(charge, limit, used.saturating_add(pending));
        }
    }
    Ok(fit)
}

/// The limit that does not hold the charges of `begin`; of several the one that takes longest to free.
pub(super) async fn exhausted(transaction: &Transaction, begin: &Begin) -> Attempt<Option<Exhausted>> {
    let [statement] = prepare(transaction.client()?, [BUCKETS]).await?;
    let Asked { accounts, budgets, widths_ms, after_ms } = Asked::about(&begin.principal, &begin.charges, begin.now_ms);
    let rows = transaction.query(&statement, &[&begin.workspace, &accounts, &budgets, &widths_ms, &after_ms]).await?;
    let mut buckets = buckets(&rows, limits(&begin.charges))?.into_iter();
    let mut worst: Option<Exhausted> = None;
    for (place, charge) in begin.charges.iter().enumerate() {
        let pending = windows::amount_before(&begin.charges[..place], charge);
        for (limit, buckets) in charge.limits.iter().zip(&mut buckets) {
            if windows::fits(charge, limit, windows::total(&buckets).saturating_add(pending)) {
                continue;
            }
            let exhausted = windows::exhausted(charge, limit, &buckets, pending);
            worst = Some(match worst {
                Some(worst) => windows::stricter(worst, exhausted),
                None => exhausted,
            });
        }
    }
    Ok(worst)
}

/// Amounts by bucket: what a call has put where.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) budgets: Vec<String>,
    pub(super) widths_ms: Vec<i64>,
    pub(super) buckets_ms: Vec<i64>,
    pub(super) amounts: Vec<i64>,
    shared: Vec<bool>,
}

impl Entries {
    /// Where the charges of `begin` go.
    pub(super) fn of(begin: &Begin) -> Self {
        windows::entries(begin).collect()
    }

    fn push(&mut self, shared: bool, budget: String, width_ms: i64, bucket_ms: i64, amount: i64) {
        self.budgets.push(budget);
        self.widths_ms.push(width_ms);
        self.buckets_ms.push(bucket_ms);
        self.amounts.push(amount);
        self.shared.push(shared);
    }

    /// Whose each is, of a call of this principal.
    pub(super) fn accounts<'a>(&self, principal: &'a str) -> Vec<&'a str> {
        self.shared.iter().map(|shared| account_of(principal, *shared)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.amounts.is_empty()
    }

    /// What a call has kept.
    fn parse(kept: Option<&str>) -> Attempt<Self> {
        Ok(kept.map(windows::kept_entries).transpose()?.into_iter().flatten().collect())
    }
}

impl<'a> FromIterator<Entry<'a>> for Entries {
    /// No bucket is named twice, which one statement could not change twice.
    fn from_iter<I: IntoIterator<Item = Entry<'a>>>(entries: I) -> Self {
        let mut sums: BTreeMap<_, i64> = BTreeMap::new();
        for Entry(budget, width_ms, bucket_ms, amount, shared) in entries {
            let sum = sums.entry((shared, budget, width_ms, bucket_ms)).or_default();
            *sum = sum.saturating_add(amount);
        }
        let mut all = Self::default();
        for ((shared, budget, width_ms, bucket_ms), amount) in sums {
            all.push(shared, budget.into_owned(), width_ms, bucket_ms, amount);
        }
        all
    }
}

/// Takes out of the buckets what a call had put in that did not happen.
pub(super) async fn refund(
    transaction: &Transaction,
    workspace: &str,
    principal: &str,
    kept: Option<&str>,
) -> Attempt<()> {
    change(transaction, REFUND, workspace, principal, kept).await
}

/// Puts back into the buckets what was taken out for a call that happened after all.
pub(super) async fn charge_again(
    transaction: &Transaction,
    workspace: &str,
    principal: &str,
    kept: Option<&str>,
) -> Attempt<()> {
    change(transaction, CHARGE, workspace, principal, kept).await
}

async fn change(
    transaction: &Transaction,
    sql: &str,
    workspace: &str,
    principal: &str,
    kept: Option<&str>,
) -> Attempt<()> {
    let entries = Entries::parse(kept)?;
    if entries.is_empty() {
        return Ok(());
    }
    let [statement] = prepare(transaction.client()?, [sql]).await?;
    let accounts = entries.accounts(principal);
    let Entries { budgets, widths_ms, buckets_ms, amounts, .. } = &entries;
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&workspace, &accounts, budgets, widths_ms, buckets_ms, amounts];
    transaction.execute(&statement, &parameters).await.map(drop)
}

pub(super) async fn usage(
    core: &Core,
    workspace: &str,
    principal: &str,
    charges: &[Charge],
    now_ms: i64,
) -> Attempt<Vec<Usage>> {
    let client = core.client().await?;
    let [statement] = prepare(&client, [COUNTED]).await?;
    let rows = counted_buckets(&client, &statement, workspace, principal, charges, now_ms).await?;
    let mut sums = sums(&rows, limits(charges))?.into_iter();
    let mut usages = Vec::new();
    for charge in charges {
        for (limit, used) in charge.limits.iter().zip(&mut sums) {
            let Limit { window_ms, max } = *limit;
            usages.push(Usage { budget: charge.budget.clone(), shared: charge.shared, window_ms, max, used });
        }
    }
    Ok(usages)
}

async fn counted_buckets(
    client: &Client,
    statement: &Statement,
    workspace: &str,
    principal: &str,
    charges: &[Charge],
    now_ms: i64,
) -> Attempt<Vec<Row>> {
    let Asked { accounts, budgets, widths_ms, after_ms } = Asked::about(principal, charges, now_ms);
    Ok(client.query(statement, &[&workspace, &accounts, &budgets, &widths_ms, &after_ms]).await?)
}
