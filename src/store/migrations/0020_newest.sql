-- Lists of invites go in pages from the newest on, each page by an index: those to the server (0) or to a channel, and those to
-- a person.
CREATE INDEX IF NOT EXISTS invites_newest ON invites ((coalesce(channel_id, 0)), created_at DESC, code);
CREATE INDEX IF NOT EXISTS invites_to_newest ON invites (user_id, created_at DESC, code) WHERE user_id IS NOT NULL;
