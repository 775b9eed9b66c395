-- What is looked for in tables that grow. Where they have grown, an operator makes the indexes beforehand, CONCURRENTLY and
-- under these names, for to make them here stops those who write.
CREATE INDEX IF NOT EXISTS changes_system ON changes (channel_id, rev)
	WHERE kind IN ('join', 'leave', 'kick', 'role', 'topic', 'channel', 'pin');
CREATE INDEX IF NOT EXISTS channels_default ON channels (channel_id) WHERE is_default = 1;
CREATE INDEX IF NOT EXISTS users_begins ON users (username COLLATE "C"); --pg
CREATE INDEX IF NOT EXISTS users_display ON users (display_key COLLATE "C"); --pg
CREATE INDEX IF NOT EXISTS users_display ON users (display_key); --sqlite
