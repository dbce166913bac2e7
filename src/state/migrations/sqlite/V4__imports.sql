-- An import outlives the calls that work on it. States: 0 checking, 1 checked, 2 writing, 3 done.
CREATE TABLE imports (
    workspace TEXT NOT NULL,
    handle TEXT NOT NULL,
    principal TEXT NOT NULL,
    tool TEXT NOT NULL,
    arguments BLOB NOT NULL,
    state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 3),
    progress TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    -- The call that works on it, and until when it may.
    holder TEXT,
    until_ms INTEGER NOT NULL DEFAULT 0,
    -- The call that was charged for it.
    started_by TEXT,
    PRIMARY KEY (workspace, handle)
) STRICT, WITHOUT ROWID;
CREATE INDEX imports_by_arguments ON imports (workspace, principal, tool, arguments);
CREATE INDEX imports_by_age ON imports (updated_at_ms);
CREATE INDEX imports_by_holder ON imports (workspace, holder) WHERE holder IS NOT NULL;
CREATE INDEX imports_by_start ON imports (workspace, started_by) WHERE started_by IS NOT NULL;

CREATE TABLE import_refusals (
    workspace TEXT NOT NULL,
    handle TEXT NOT NULL,
    row INTEGER NOT NULL,
    field TEXT,
    code TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (workspace, handle, row)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 4;
