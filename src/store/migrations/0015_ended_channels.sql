-- Deleted channels whose rows are still there: they go later, some at a time.
CREATE TABLE ended_channels (
    channel_id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
); --pg
) STRICT; --sqlite
