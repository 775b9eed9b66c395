-- Of the person's head, when what they are themselves (profile, role, whom they have blocked) changed last: `me`.
ALTER TABLE users ADD COLUMN user_rev BIGINT NOT NULL DEFAULT 0;

-- Who has blocked me?
CREATE INDEX IF NOT EXISTS blocks_blocked ON blocks (blocked_id);

-- Accounts that were deleted, while something of them is still to be done: memberships to be ended and, where that was asked,
-- messages to be made tombstones. Whoever works at one takes it until a time; what was done shows in the channels.
CREATE TABLE deletions (
    user_id BIGINT NOT NULL PRIMARY KEY,
    messages BIGINT NOT NULL,               -- 1: messages go too
    at BIGINT NOT NULL,
    actor_id BIGINT NOT NULL,
    taken_until BIGINT NOT NULL DEFAULT 0
); --pg
) STRICT, WITHOUT ROWID; --sqlite
