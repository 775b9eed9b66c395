-- What is counted while a head is locked: the direct messages that one person has made.
CREATE INDEX IF NOT EXISTS channels_dm_maker ON channels (created_by) WHERE dm_key IS NOT NULL;
