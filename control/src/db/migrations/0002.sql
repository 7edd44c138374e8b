-- What was used, and who has spent it. Times are seconds since 1970: the beginnings of minutes and hours.

CREATE TABLE usage_minute (
    at BIGINT NOT NULL,
    site TEXT NOT NULL,
    rule TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    requests BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    costs TEXT NOT NULL,
    PRIMARY KEY (at, site, rule, method, route, outcome)
);

CREATE TABLE usage_hour (
    at BIGINT NOT NULL,
    site TEXT NOT NULL,
    rule TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    outcome TEXT NOT NULL,
    requests BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    costs TEXT NOT NULL,
    PRIMARY KEY (at, site, rule, method, route, outcome)
);

-- By hours, the largest of each rule; all others together are the client 'other'.
CREATE TABLE spenders (
    at BIGINT NOT NULL,
    site TEXT NOT NULL,
    rule TEXT NOT NULL,
    client TEXT NOT NULL,
    cost BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    micros BIGINT NOT NULL,
    refused BIGINT NOT NULL,
    PRIMARY KEY (at, site, rule, client)
);
CREATE INDEX spenders_by_client ON spenders (client, at);

-- The last batch of each node, so that none is added twice. The row 'lock' is locked by whoever adds.
CREATE TABLE usage_writers (
    node TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    at BIGINT NOT NULL
);
INSERT INTO usage_writers (node, number, at) VALUES ('lock', 0, 0);
