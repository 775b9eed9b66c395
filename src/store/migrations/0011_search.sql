-- The index of messages, for search. It makes a search quick and says nothing by itself: what it names is looked at, and
-- what it does not cover is read. So it may be missing, in part or whole; whoever appends need not know of it.
--
-- A segment covers the messages lo to hi of a channel: 64, 256 or 1,024 of them. What they say stands in its leaves, by
-- groups of characters (store/leaf.h, model/gram.h).
CREATE TABLE search_segments (
    channel_id BIGINT NOT NULL,
    lo BIGINT NOT NULL,
    hi BIGINT NOT NULL,
    first_at BIGINT NOT NULL,               -- created_at of its first and its last message; 0: none is left
    last_at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, lo)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

CREATE TABLE search_leaves (
    channel_id BIGINT NOT NULL,
    lo BIGINT NOT NULL,
    first_gram BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (channel_id, lo, first_gram)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- Up to where a channel's segments stand without a gap.
CREATE TABLE search_channels (
    channel_id BIGINT NOT NULL PRIMARY KEY,
    done_id BIGINT NOT NULL
); --pg
) STRICT; --sqlite

-- Which process makes them, and until when it may without saying so again.
CREATE TABLE search_lease (
    name TEXT NOT NULL PRIMARY KEY,
    pod TEXT NOT NULL,
    until BIGINT NOT NULL
); --pg
) STRICT, WITHOUT ROWID; --sqlite
INSERT INTO search_lease (name, pod, until) VALUES ('index', '', 0);

-- A body that was changed or erased takes its segment with it, in the same transaction and whoever does it; the segment is
-- made again from what is left.
CREATE TRIGGER search_forget_edit AFTER UPDATE OF body ON messages WHEN OLD.body IS NOT NEW.body BEGIN --sqlite
    UPDATE search_channels SET done_id = min(done_id, (SELECT s.lo - 1 FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id)) WHERE channel_id = OLD.channel_id AND EXISTS (SELECT 1 FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id); --sqlite
    DELETE FROM search_leaves WHERE channel_id = OLD.channel_id AND lo = (SELECT s.lo FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id); --sqlite
    DELETE FROM search_segments WHERE channel_id = OLD.channel_id AND lo <= OLD.message_id AND lo > OLD.message_id - 1024 AND hi >= OLD.message_id; --sqlite
END; --sqlite
CREATE TRIGGER search_forget_row AFTER DELETE ON messages BEGIN --sqlite
    UPDATE search_channels SET done_id = min(done_id, (SELECT s.lo - 1 FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id)) WHERE channel_id = OLD.channel_id AND EXISTS (SELECT 1 FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id); --sqlite
    DELETE FROM search_leaves WHERE channel_id = OLD.channel_id AND lo = (SELECT s.lo FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id); --sqlite
    DELETE FROM search_segments WHERE channel_id = OLD.channel_id AND lo <= OLD.message_id AND lo > OLD.message_id - 1024 AND hi >= OLD.message_id; --sqlite
END; --sqlite
--pg{

-- The lock is one that only those take who change bodies (shared) and who makes segments (alone): senders never meet it.
-- While a body is being changed nobody stores a segment made from what it was.
CREATE FUNCTION linnet_search_forget() RETURNS trigger LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
	v_lo BIGINT;
BEGIN
	PERFORM pg_advisory_xact_lock_shared(7310591, (OLD.channel_id % 2147483647)::int);
	SELECT s.lo INTO v_lo FROM search_segments s WHERE s.channel_id = OLD.channel_id AND s.lo <= OLD.message_id
		AND s.lo > OLD.message_id - 1024 AND s.hi >= OLD.message_id;
	IF FOUND THEN
		UPDATE search_channels SET done_id = least(done_id, v_lo - 1) WHERE channel_id = OLD.channel_id;
		DELETE FROM search_leaves WHERE channel_id = OLD.channel_id AND lo = v_lo;
		DELETE FROM search_segments WHERE channel_id = OLD.channel_id AND lo = v_lo;
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER search_forget_edit AFTER UPDATE OF body ON messages FOR EACH ROW WHEN (OLD.body IS DISTINCT FROM NEW.body)
	EXECUTE FUNCTION linnet_search_forget();
CREATE TRIGGER search_forget_row AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION linnet_search_forget();
--pg}
