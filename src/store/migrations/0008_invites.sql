-- How many invites one person has made, and one's mentions in the order in which they came. On a large server an operator makes
-- the second beforehand, CONCURRENTLY and under this name.
CREATE INDEX IF NOT EXISTS invites_made ON invites (created_by);
CREATE INDEX IF NOT EXISTS mentions_recent ON mentions (user_id, at, channel_id, message_id);
