-- Times are Unix milliseconds, digests 32 bytes, sealed values opaque to the store.

CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE identity_strategies (
    workspace TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    declared_by TEXT NOT NULL,
    declared_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE cached_people (
    workspace TEXT NOT NULL,
    key BLOB NOT NULL,
    person BLOB NOT NULL,
    sealed BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (workspace, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX cached_people_by_person ON cached_people (workspace, person);
CREATE INDEX cached_people_by_expiry ON cached_people (expires_at_ms);

CREATE TABLE leases (
    workspace TEXT NOT NULL,
    name BLOB NOT NULL,
    holder TEXT NOT NULL,
    until_ms INTEGER NOT NULL,
    PRIMARY KEY (workspace, name)
) STRICT, WITHOUT ROWID;

-- The ledger. States: 0 in flight, 1 committed, 2 released, 3 unknown. A key that was freed is null.
CREATE TABLE calls (
    row INTEGER PRIMARY KEY,
    workspace TEXT NOT NULL,
    call_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    key BLOB,
    arguments BLOB,
    key_expires_at_ms INTEGER,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    answer BLOB,
    recovery BLOB,
    -- The person it concerned was erased: nothing sealed is written to it again.
    erased INTEGER NOT NULL DEFAULT 0,
    began_at_ms INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX calls_by_id ON calls (workspace, call_id);
CREATE UNIQUE INDEX calls_by_key ON calls (workspace, principal, key) WHERE key IS NOT NULL;
CREATE INDEX calls_settled ON calls (began_at_ms) WHERE state IN (1, 2);

CREATE TABLE call_subjects (
    workspace TEXT NOT NULL,
    subject BLOB NOT NULL,
    call_row INTEGER NOT NULL,
    PRIMARY KEY (workspace, subject, call_row)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_subjects_by_call ON call_subjects (call_row);

CREATE TABLE spent_plans (
    workspace TEXT NOT NULL,
    token BLOB NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    PRIMARY KEY (workspace, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_plans_by_expiry ON spent_plans (expires_at_ms);

-- What was charged in each stretch of `width_ms` beginning at `bucket_ms`.
CREATE TABLE budget_buckets (
    workspace TEXT NOT NULL,
    principal TEXT NOT NULL,
    budget TEXT NOT NULL,
    width_ms INTEGER NOT NULL,
    bucket_ms INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (workspace, principal, budget, width_ms, bucket_ms)
) STRICT, WITHOUT ROWID;

-- What each call put into which bucket, so that a released call can take it out again.
CREATE TABLE charges (
    call_row INTEGER NOT NULL,
    budget TEXT NOT NULL,
    width_ms INTEGER NOT NULL,
    bucket_ms INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (call_row, budget, width_ms, bucket_ms)
) STRICT, WITHOUT ROWID;

-- Rows with the same `place` are about one person and take one place of the quota.
CREATE TABLE test_profiles (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL,
    call_row INTEGER NOT NULL,
    place INTEGER NOT NULL,
    sealed_identifiers BLOB NOT NULL,
    run_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX test_profiles_by_workspace ON test_profiles (workspace, place);
CREATE INDEX test_profiles_by_call ON test_profiles (call_row);

CREATE TABLE test_profile_subjects (
    workspace TEXT NOT NULL,
    subject BLOB NOT NULL,
    profile_row INTEGER NOT NULL,
    PRIMARY KEY (workspace, subject, profile_row)
) STRICT, WITHOUT ROWID;
CREATE INDEX test_profile_subjects_by_profile ON test_profile_subjects (profile_row);

-- States: 0 pending, 1 completed.
CREATE TABLE erasures (
    workspace TEXT NOT NULL,
    erasure_id TEXT NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 1),
    requested_at_ms INTEGER NOT NULL,
    completed_at_ms INTEGER,
    sealed_identifiers BLOB,
    receipt TEXT,
    PRIMARY KEY (workspace, erasure_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE erasure_subjects (
    workspace TEXT NOT NULL,
    subject BLOB NOT NULL,
    erasure_id TEXT NOT NULL,
    PRIMARY KEY (workspace, subject, erasure_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX erasure_subjects_by_erasure ON erasure_subjects (workspace, erasure_id);

CREATE TABLE tombstones (
    workspace TEXT NOT NULL,
    subject BLOB NOT NULL,
    erasure_id TEXT NOT NULL,
    erased_at_ms INTEGER NOT NULL,
    PRIMARY KEY (workspace, subject, erasure_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_by_erasure ON tombstones (workspace, erasure_id);

-- Phases: 0 decision, 1 outcome, 2 read, 3 refusal, 4 answer.
CREATE TABLE audit (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL,
    writer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    phase INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 4),
    subject BLOB,
    decision TEXT NOT NULL,
    approved_by TEXT,
    upstream_status INTEGER,
    duration_ms INTEGER,
    hash BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_by_chain ON audit (workspace, writer, sequence);

-- The newest record of each chain, authenticated, so that a chain cut short is noticed.
CREATE TABLE audit_heads (
    workspace TEXT NOT NULL,
    writer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (workspace, writer)
) STRICT, WITHOUT ROWID;

-- The last record that pruning cut from each chain, authenticated: what is left is proven from there.
CREATE TABLE audit_checkpoints (
    workspace TEXT NOT NULL,
    writer TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    hash BLOB NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (workspace, writer)
) STRICT, WITHOUT ROWID;

-- Every migration ends by saying its number, which an open reads before it does anything else.
PRAGMA user_version = 1;
