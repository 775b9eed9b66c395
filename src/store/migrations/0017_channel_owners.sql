-- Whether a channel has another owner is asked while its head is locked, of however many members.
CREATE INDEX IF NOT EXISTS members_owners ON members ((channel_id + 0)) WHERE role = 2 AND left_rev IS NULL;
