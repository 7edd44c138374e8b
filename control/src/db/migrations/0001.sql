-- What people decide, who they are, and what they did. Only BIGINT and TEXT, so that both databases read the same.

-- A thing of each kind by name; without a body it was deleted at that revision.
CREATE TABLE things (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    body TEXT,
    revision BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX things_by_revision ON things (revision);

-- One row: which database this is, its revision with the digest of the row of the audit that made it, and the last row of
-- the audit.
CREATE TABLE state (
    one BIGINT NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    history TEXT NOT NULL,
    audited BIGINT NOT NULL,
    digest TEXT NOT NULL
);

-- Times are microseconds since 1970.
CREATE TABLE audit (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    address TEXT,
    what TEXT NOT NULL,
    action TEXT NOT NULL,
    before TEXT,
    after TEXT,
    reason TEXT,
    revision BIGINT,
    previous TEXT NOT NULL,
    digest TEXT NOT NULL
);
CREATE UNIQUE INDEX audit_by_revision ON audit (revision);

CREATE TABLE sessions (
    digest TEXT NOT NULL PRIMARY KEY,
    member TEXT NOT NULL,
    expires BIGINT NOT NULL
);

-- The changes that were made under a key, for those who ask again.
CREATE TABLE idempotency (
    key TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    after TEXT,
    revision BIGINT NOT NULL
);

CREATE TABLE key_use (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
