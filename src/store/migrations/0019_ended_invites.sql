-- Invites to a person that were answered, or taken back: kept for a while at the rev of that person's head by which they ended,
-- so that devices that were away hear of it.
CREATE TABLE ended_invites (
    user_id BIGINT NOT NULL,
    user_rev BIGINT NOT NULL,
    code TEXT NOT NULL,
    PRIMARY KEY (user_id, user_rev)
); --pg
) STRICT, WITHOUT ROWID; --sqlite
