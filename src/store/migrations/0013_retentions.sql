-- How far the rows below a channel's min_rev are gone.
CREATE TABLE retentions (
    channel_id BIGINT NOT NULL PRIMARY KEY,
    done_rev BIGINT NOT NULL DEFAULT 0,     -- the min_rev below which nothing is left but rows of messages
    wiped_id BIGINT NOT NULL DEFAULT 0,     -- messages that say nothing any more: their rows keep the nonces
    dropped_id BIGINT NOT NULL DEFAULT 0    -- messages without a row
); --pg
) STRICT; --sqlite
