-- What every call writes is paid for by the page, and what a statement looks at by the list.

-- A list of states costs a table of its own whenever a call is written.
DROP INDEX calls_unsettled;
CREATE INDEX calls_unsettled ON calls (workspace, began_at_ms) WHERE (state = 0 OR state > 2);

-- What a call put into which bucket, so that a released call can take it out again: [[budget, width_ms, bucket_ms,
-- amount], ...]. It lies with the call, which is written anyway.
ALTER TABLE calls ADD COLUMN charges TEXT;
UPDATE calls SET charges = (
    SELECT json_group_array(json_array(budget, width_ms, bucket_ms, amount)) FROM charges WHERE call_row = calls.row
) WHERE (state = 0 OR state > 2) AND EXISTS (SELECT 1 FROM charges WHERE call_row = calls.row);
DROP TABLE charges;

-- Without AUTOINCREMENT, whose counter is a page of its own: rows are cut from the front, so new ones still come last.
CREATE TABLE audit_3 (
    row INTEGER PRIMARY KEY,
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
INSERT INTO audit_3 SELECT row, workspace, writer, sequence, at_ms, call_id, principal, tool, effect, phase, subject,
                           decision, approved_by, upstream_status, duration_ms, hash
FROM audit ORDER BY row;
DROP TABLE audit;
ALTER TABLE audit_3 RENAME TO audit;
CREATE UNIQUE INDEX audit_by_chain ON audit (workspace, writer, sequence);

PRAGMA user_version = 3;
