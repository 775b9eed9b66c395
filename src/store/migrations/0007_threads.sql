-- Threads. Whose first message is a root; the answers to it name it by thread_id and are numbered by thread_seq. What a root
-- shows of its thread stands with it (thread_count, thread_last_id, thread_last_at of the replies that are not deleted), and
-- here:
ALTER TABLE messages ADD COLUMN thread_last_seq BIGINT; -- of a root: the thread_seq that was given last
ALTER TABLE messages ADD COLUMN thread_users TEXT;      -- who replied last, the last first: `7,3,12`
-- A reply keeps what its root's thread had become by it (root_count, and thread_users): its event tells that, whenever it is
-- read again, as of its own rev.
ALTER TABLE messages ADD COLUMN root_count BIGINT;

-- One's own that have changed since a rev of the person's head.
CREATE INDEX IF NOT EXISTS thread_follows_moved ON thread_follows (user_id, user_rev);
-- Those of a thread.
CREATE INDEX IF NOT EXISTS mentions_thread ON mentions (user_id, channel_id, thread_id, message_id) WHERE thread_id IS NOT NULL;
