-- What is looked for while a head is locked: the direct messages that one person has made, and whether there is another owner
-- of the server.
CREATE INDEX IF NOT EXISTS channels_dm_maker ON channels (created_by) WHERE dm_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS users_owners ON users (user_id) WHERE role = 3;
