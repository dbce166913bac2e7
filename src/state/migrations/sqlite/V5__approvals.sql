-- Calls that need a human. States: 0 pending, 1 approved, 2 denied, 3 spent.
CREATE TABLE approvals (
    workspace TEXT NOT NULL,
    approval_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    call BLOB NOT NULL,
    people INTEGER NOT NULL,
    audience BLOB NOT NULL,
    sealed BLOB,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    requested_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    decided_by TEXT,
    decided_at_ms INTEGER,
    PRIMARY KEY (workspace, approval_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX approvals_by_call ON approvals (workspace, call) WHERE state < 3;
CREATE INDEX approvals_by_expiry ON approvals (expires_at_ms);

CREATE TABLE approval_subjects (
    workspace TEXT NOT NULL,
    subject BLOB NOT NULL,
    approval_id TEXT NOT NULL,
    PRIMARY KEY (workspace, subject, approval_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_subjects_by_approval ON approval_subjects (workspace, approval_id);

PRAGMA user_version = 5;
