-- A call of unknown fate is looked for. States: 0 in flight, 1 committed, 2 released, 3 unknown, 4 absent.
CREATE TABLE calls_2 (
    row INTEGER PRIMARY KEY,
    workspace TEXT NOT NULL,
    call_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    effect TEXT NOT NULL,
    key BLOB,
    arguments BLOB,
    key_expires_at_ms INTEGER,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
    answer BLOB,
    recovery BLOB,
    -- The person it concerned was erased: nothing sealed is written to it again.
    erased INTEGER NOT NULL DEFAULT 0,
    began_at_ms INTEGER NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    -- When it was looked for last, and when first in vain, after it must have ended.
    looked_at_ms INTEGER,
    absent_at_ms INTEGER
) STRICT;
INSERT INTO calls_2 (row, workspace, call_id, principal, tool, effect, key, arguments, key_expires_at_ms, state, answer,
                     recovery, erased, began_at_ms, lease_until_ms)
SELECT row, workspace, call_id, principal, tool, effect, key, arguments, key_expires_at_ms, state, answer,
       recovery, erased, began_at_ms, lease_until_ms
FROM calls;
DROP TABLE calls;
ALTER TABLE calls_2 RENAME TO calls;

CREATE UNIQUE INDEX calls_by_id ON calls (workspace, call_id);
CREATE UNIQUE INDEX calls_by_key ON calls (workspace, principal, key) WHERE key IS NOT NULL;
CREATE INDEX calls_by_age ON calls (began_at_ms);
CREATE INDEX calls_unsettled ON calls (workspace, began_at_ms) WHERE state IN (0, 3, 4);

CREATE INDEX leases_by_expiry ON leases (until_ms);

PRAGMA user_version = 2;
