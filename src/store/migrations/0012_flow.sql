-- Both by an expression, so that no plan takes another key for as good. Where there are many messages an operator makes them
-- beforehand, CONCURRENTLY and under these names.
-- The main flow by id: pages and read markers go past the replies of threads, however many there are (rows.h: FLOW_ID).
CREATE INDEX IF NOT EXISTS messages_flow ON messages (channel_id, (message_id + 0)) WHERE seq IS NOT NULL;
-- Who replied last, past those that were deleted.
CREATE INDEX IF NOT EXISTS messages_thread_last ON messages (channel_id, thread_id, (thread_seq + 0)) WHERE thread_id IS NOT NULL AND deleted_at IS NULL;
