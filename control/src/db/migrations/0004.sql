-- Who asks for a few of many rows of the audit waits for a few. BEGINNING and KIND are of what a row is about.
CREATE INDEX audit_by_actor ON audit (actor, number);
CREATE INDEX audit_by_kind ON audit (KIND, number);
CREATE INDEX audit_by_beginning ON audit (BEGINNING, number);
