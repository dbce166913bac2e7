-- A sandbox on disk is what it was told: the fixture it began with, and every call that changed something since.
-- Reading it back handles the calls again, each at its own moment, so the file outlives changes of the program.

CREATE TABLE sandbox (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    site_id TEXT NOT NULL,
    tracking_api_key TEXT NOT NULL,
    app_api_key TEXT NOT NULL,
    cdp_write_key TEXT NOT NULL
) STRICT;

-- A world and how it came about: '' is the one that lives, the others are snapshots by name.
CREATE TABLE chronicles (
    name TEXT PRIMARY KEY,
    fixture TEXT NOT NULL,
    -- The bits of an unsigned number.
    seed INTEGER NOT NULL,
    born_at_ms INTEGER NOT NULL,
    born_drawn_blocks INTEGER NOT NULL,
    is_stopped INTEGER NOT NULL,
    -- If it is stopped the time it shows, else how far it is ahead of the machine's time.
    clock_ms INTEGER NOT NULL,
    -- Where a snapshot was taken.
    saved_at_ms INTEGER,
    saved_drawn_blocks INTEGER
) STRICT;

CREATE TABLE entries (
    chronicle TEXT NOT NULL REFERENCES chronicles (name) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    drawn_blocks INTEGER NOT NULL,
    -- A call; NULL where time alone changed something.
    method TEXT,
    target TEXT,
    -- A JSON list of pairs.
    headers TEXT,
    body BLOB,
    -- The file the call referred to, or why it was not to be had.
    file BLOB,
    file_error TEXT,
    PRIMARY KEY (chronicle, place)
) STRICT;
