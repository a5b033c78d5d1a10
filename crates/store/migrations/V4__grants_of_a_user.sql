-- An index for those who look by user, and for nobody else. Asked for one grant by its id while there were none, PostgreSQL
-- preferred the index before this one to the primary key, and went on reading all of it when there were many: a partial index of
-- an empty table costs nothing. This one is only taken by a statement that says the second half of its condition.
DROP INDEX grants_not_revoked;
CREATE INDEX grants_of_user ON grants (user_id, client_id, created_at, id, expires_at, revoked_at)
    WHERE revoked_at IS NULL AND user_id <> '';
