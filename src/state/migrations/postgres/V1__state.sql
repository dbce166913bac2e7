-- Times are Unix milliseconds, digests 32 bytes, sealed values opaque to the store. Tables and columns are called what
-- they are called in SQLite, and mean the same.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE identity_strategies (
    workspace TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    declared_by TEXT NOT NULL,
    declared_at_ms BIGINT NOT NULL
);

CREATE TABLE cached_people (
    workspace TEXT NOT NULL,
    key BYTEA NOT NULL,
    person BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (workspace, key)
);
CREATE INDEX cached_people_by_person ON cached_people (workspace, person);
CREATE INDEX cached_people_by_expiry ON cached_people (expires_at_ms);

CREATE TABLE leases (
    workspace TEXT NOT NULL,
    name BYTEA NOT NULL,
    holder TEXT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (workspace, name)
);
CREATE INDEX leases_by_expiry ON leases (until_ms);

-- The ledger. States: 0 in flight, 1 committed, 2 released, 3 unknown, 4 absent. A key that was freed is null.
CREATE TABLE calls (
    row BIGINT GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME calls_row) PRIMARY KEY,
    workspace TEXT NOT NULL,
    call_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    key BYTEA,
    arguments BYTEA,
    key_expires_at_ms BIGINT,
    state SMALLINT NOT NULL CHECK (state BETWEEN 0 AND 4),
    answer BYTEA,
    recovery BYTEA,
    -- The person it concerned was erased: nothing sealed is written to it again.
    erased BOOLEAN NOT NULL DEFAULT FALSE,
    began_at_ms BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    -- When it was looked for last, and when first in vain, after it must have ended.
    looked_at_ms BIGINT,
    absent_at_ms BIGINT,
    -- What it put into which bucket, so that a released call can take it out again: [[budget, width_ms, bucket_ms,
    -- amount], ...].
    charges TEXT
);
CREATE UNIQUE INDEX calls_by_id ON calls (workspace, call_id);
CREATE UNIQUE INDEX calls_by_key ON calls (workspace, principal, key) WHERE key IS NOT NULL;
CREATE INDEX calls_by_age ON calls (began_at_ms);
CREATE INDEX calls_unsettled ON calls (workspace, began_at_ms) WHERE (state = 0 OR state > 2);

CREATE TABLE call_subjects (
    workspace TEXT NOT NULL,
    subject BYTEA NOT NULL,
    call_row BIGINT NOT NULL,
    PRIMARY KEY (workspace, subject, call_row)
);
CREATE INDEX call_subjects_by_call ON call_subjects (call_row);

CREATE TABLE spent_plans (
    workspace TEXT NOT NULL,
    token BYTEA NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    PRIMARY KEY (workspace, token)
);
CREATE INDEX spent_plans_by_expiry ON spent_plans (expires_at_ms);

-- What was charged in each stretch of `width_ms` beginning at `bucket_ms`. Buckets are changed in place all the time,
-- which costs no index entry as long as the page has room.
CREATE TABLE budget_buckets (
    workspace TEXT NOT NULL,
    principal TEXT NOT NULL,
    budget TEXT NOT NULL,
    width_ms BIGINT NOT NULL,
    bucket_ms BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    PRIMARY KEY (workspace, principal, budget, width_ms, bucket_ms)
) WITH (fillfactor = 50);
CREATE INDEX budget_buckets_by_age ON budget_buckets (workspace, width_ms, bucket_ms);

CREATE SEQUENCE test_profile_places;

-- Rows with the same `place` are about one person and take one place of the quota.
CREATE TABLE test_profiles (
    row BIGINT GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME test_profiles_row) PRIMARY KEY,
    workspace TEXT NOT NULL,
    call_row BIGINT NOT NULL,
    place BIGINT NOT NULL,
    sealed_identifiers BYTEA NOT NULL,
    run_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL
);
CREATE INDEX test_profiles_by_workspace ON test_profiles (workspace, place);
CREATE INDEX test_profiles_by_call ON test_profiles (call_row);

CREATE TABLE test_profile_subjects (
    workspace TEXT NOT NULL,
    subject BYTEA NOT NULL,
    profile_row BIGINT NOT NULL,
    PRIMARY KEY (workspace, subject, profile_row)
);
CREATE INDEX test_profile_subjects_by_profile ON test_profile_subjects (profile_row);

-- States: 0 pending, 1 completed.
CREATE TABLE erasures (
    workspace TEXT NOT NULL,
    erasure_id TEXT NOT NULL,
    state SMALLINT NOT NULL CHECK (state BETWEEN 0 AND 1),
    requested_at_ms BIGINT NOT NULL,
    completed_at_ms BIGINT,
    sealed_identifiers BYTEA,
    receipt TEXT,
    PRIMARY KEY (workspace, erasure_id)
);

CREATE TABLE erasure_subjects (
    workspace TEXT NOT NULL,
    subject BYTEA NOT NULL,
    erasure_id TEXT NOT NULL,
    PRIMARY KEY (workspace, subject, erasure_id)
);
CREATE INDEX erasure_subjects_by_erasure ON erasure_subjects (workspace, erasure_id);

CREATE TABLE tombstones (
    workspace TEXT NOT NULL,
    subject BYTEA NOT NULL,
    erasure_id TEXT NOT NULL,
    erased_at_ms BIGINT NOT NULL,
    PRIMARY KEY (workspace, subject, erasure_id)
);
CREATE INDEX tombstones_by_erasure ON tombstones (workspace, erasure_id);

-- An import outlives the calls that work on it. States: 0 checking, 1 checked, 2 writing, 3 done.
CREATE TABLE imports (
    workspace TEXT NOT NULL,
    handle TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments BYTEA NOT NULL,
    state SMALLINT NOT NULL CHECK (state BETWEEN 0 AND 3),
    progress TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    -- The call that works on it, and until when it may.
    holder TEXT,
    until_ms BIGINT NOT NULL DEFAULT 0,
    -- The call that was charged for it.
    started_by TEXT,
    PRIMARY KEY (workspace, handle)
);
CREATE INDEX imports_by_arguments ON imports (workspace, principal, tool, arguments);
CREATE INDEX imports_by_age ON imports (updated_at_ms);
CREATE INDEX imports_by_holder ON imports (workspace, holder) WHERE holder IS NOT NULL;
CREATE INDEX imports_by_start ON imports (workspace, started_by) WHERE started_by IS NOT NULL;

CREATE TABLE import_refusals (
    workspace TEXT NOT NULL,
    handle TEXT NOT NULL,
    row BIGINT NOT NULL,
    field TEXT,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (workspace, handle, row)
);

-- Calls that need a human. States: 0 pending, 1 approved, 2 denied, 3 spent.
CREATE TABLE approvals (
    workspace TEXT NOT NULL,
    approval_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    call BYTEA NOT NULL,
    people BIGINT NOT NULL,
    audience BYTEA NOT NULL,
    sealed BYTEA,
    state SMALLINT NOT NULL CHECK (state BETWEEN 0 AND 3),
    requested_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    decided_by TEXT,
    decided_at_ms BIGINT,
    PRIMARY KEY (workspace, approval_id)
);
CREATE UNIQUE INDEX approvals_by_call ON approvals (workspace, call) WHERE state < 3;
CREATE INDEX approvals_by_expiry ON approvals (expires_at_ms);

CREATE TABLE approval_subjects (
    workspace TEXT NOT NULL,
    subject BYTEA NOT NULL,
    approval_id TEXT NOT NULL,
    PRIMARY KEY (workspace, subject, approval_id)
);
CREATE INDEX approval_subjects_by_approval ON approval_subjects (workspace, approval_id);

-- Who writes on which chain now. A name is taken for a while and again after that: a chain for every process that ever
-- ran would be too many.
CREATE TABLE audit_writers (
    number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    holder UUID NOT NULL,
    held_until TIMESTAMPTZ NOT NULL
);

-- Phases: 0 decision, 1 outcome, 2 read, 3 refusal, 4 answer.
CREATE TABLE audit (
    row BIGINT GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME audit_row) PRIMARY KEY,
    workspace TEXT NOT NULL,
    writer TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    call_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    phase SMALLINT NOT NULL CHECK (phase BETWEEN 0 AND 4),
    subject BYTEA,
    decision TEXT NOT NULL,
    approved_by TEXT,
    upstream_status INTEGER,
    duration_ms BIGINT,
    hash BYTEA NOT NULL
);
CREATE UNIQUE INDEX audit_by_chain ON audit (workspace, writer, sequence);
-- A listing goes from the newest down, and a call's records are looked for by its id.
CREATE INDEX audit_by_workspace ON audit (workspace, row);
CREATE INDEX audit_by_call ON audit (workspace, call_id);

-- The newest record of each chain, authenticated, so that a chain cut short is noticed.
CREATE TABLE audit_heads (
    workspace TEXT NOT NULL,
    writer TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (workspace, writer)
) WITH (fillfactor = 50);

-- The last record that pruning cut from each chain, authenticated: what is left is proven from there.
CREATE TABLE audit_checkpoints (
    workspace TEXT NOT NULL,
    writer TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    mac BYTEA NOT NULL,
    PRIMARY KEY (workspace, writer)
);
