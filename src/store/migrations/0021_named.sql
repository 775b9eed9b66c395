-- linnet_send() of 0002_append.sql but for one condition: who has blocked the author stands in the message's mentions like anybody,
-- so that its author does not learn of the block; they are left out where mentions are counted and listed.
--pg{
CREATE OR REPLACE FUNCTION linnet_send(p_id TEXT, p_batch BIGINT, p_at BIGINT, p_epoch BIGINT, p_wait BIGINT,
	p_channel BIGINT[], p_kind BIGINT[], p_reply BIGINT[], p_nonce BYTEA[], p_hash BYTEA[], p_body TEXT[],
	p_who BIGINT[], p_secret BYTEA[], p_session TEXT[], p_person BIGINT[], p_scope BIGINT[], p_fault BIGINT[], p_all BIGINT[],
	p_names TEXT[])
RETURNS TABLE (place BIGINT, verdict BIGINT, actor BIGINT, message_id BIGINT, seq BIGINT, rev BIGINT, at BIGINT,
	all_named BIGINT, named TEXT, retry_ms BIGINT)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET enable_memoize = off SET jit = off
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
	v_epoch BIGINT := linnet_epoch();
	v_wanted BIGINT[];
	v_locked BIGINT[];
	v_all BOOLEAN;
	v_now BIGINT;
BEGIN
	place := -2;
	actor := v_epoch;
	IF v_epoch <> p_epoch THEN
		RETURN NEXT;
		RETURN;
	END IF;
	UPDATE appenders a SET batch = p_batch, at = p_at WHERE a.id = p_id AND a.batch = p_batch - 1;
	place := -1;
	IF NOT FOUND THEN
		RETURN NEXT;
		RETURN;
	END IF;

	v_wanted := ARRAY(SELECT DISTINCT x FROM unnest(p_channel) x);
	IF p_wait = 1 THEN
		v_locked := ARRAY(SELECT h.channel_id FROM heads h WHERE h.channel_id = ANY (v_wanted) ORDER BY h.channel_id
			FOR NO KEY UPDATE);
	ELSE
		v_locked := ARRAY(SELECT h.channel_id FROM heads h WHERE h.channel_id = ANY (v_wanted) ORDER BY h.channel_id
			FOR NO KEY UPDATE SKIP LOCKED);
	END IF;
	v_all := cardinality(v_locked) = cardinality(v_wanted);
	v_now := linnet_now_ms();

	RETURN QUERY
	WITH asked AS MATERIALIZED ( -- a row of its own, so that what follows finds keys whose parts come from here and the session
		SELECT t.i, t.channel_id, p_nonce[t.i] AS nonce, s.user_id, s.scopes, s.revoked_at, s.expires_at, u.role, u.deactivated_at,
			u.deleted_at
		FROM unnest(p_channel) WITH ORDINALITY AS t (channel_id, i)
		LEFT JOIN LATERAL (
			SELECT CASE a.user_id WHEN p_person[t.i] THEN a.user_id END AS user_id, a.scopes, a.revoked_at, a.expires_at
			FROM sessions a WHERE p_who[t.i] = 0 AND a.session_id = p_session[t.i]
			UNION ALL
			SELECT a.user_id, a.scopes, a.revoked_at, a.expires_at FROM sessions a
			WHERE p_who[t.i] > 0 AND a.secret_hash = p_secret[t.i] AND a.kind = CASE p_who[t.i] WHEN 1 THEN 'cookie' ELSE 'token' END
		) s ON true
		LEFT JOIN LATERAL (SELECT x.role, x.deactivated_at, x.deleted_at FROM users x WHERE x.user_id = s.user_id OFFSET 0) u ON true
	), found AS MATERIALIZED (
		SELECT q.*, h.channel_id IS NOT NULL AND h.deleted_at IS NULL AS there,
			NOT v_all AND h.channel_id IS NOT NULL AND NOT h.channel_id = ANY (v_locked) AS held,
			h.kind AS channel_kind, h.archived, h.read_only, h.slow_mode_s, h.member_count, greatest(v_now, h.rev_at) AS now_at,
			h.rev AS head_rev, h.min_id, h.last_id, h.last_seq, o.message_id AS earlier, o.request_hash AS earlier_hash,
			coalesce(m.user_id IS NOT NULL AND m.left_rev IS NULL, false) AS member,
			coalesce(m.user_id IS NOT NULL AND m.left_rev IS NULL AND (m.role >= 1 OR q.role >= 2), false) AS operates,
			coalesce(m.voice, 0) AS voice, coalesce(m.silenced_until, 0) AS silenced_until, coalesce(m.sent_at, 0) AS sent_at,
			coalesce(m.first_id, 1) AS first_id
		FROM asked q
		LEFT JOIN LATERAL (SELECT * FROM heads x WHERE x.channel_id = q.channel_id OFFSET 0) h ON true
		LEFT JOIN LATERAL (SELECT * FROM members x WHERE x.channel_id = q.channel_id AND x.user_id = q.user_id OFFSET 0) m ON true
		LEFT JOIN LATERAL (SELECT x.message_id, x.request_hash FROM messages x WHERE x.author_id = q.user_id AND x.nonce = q.nonce
			AND x.channel_id + 0 = q.channel_id OFFSET 0) o ON true
	), judged AS (
		SELECT q.i, q.channel_id, q.user_id, q.nonce, q.now_at, q.earlier, q.sent_at, q.slow_mode_s, q.head_rev, q.last_id, q.last_seq,
			q.operates, q.member_count, CASE
			WHEN q.held THEN 10
			WHEN q.user_id IS NULL THEN 11
			WHEN q.revoked_at IS NOT NULL THEN 12
			WHEN q.deactivated_at IS NOT NULL OR q.deleted_at IS NOT NULL OR q.role IS NULL OR q.expires_at <= v_now THEN 11
			WHEN p_scope[q.i] & ~q.scopes <> 0 THEN 13
			WHEN NOT q.there THEN 14
			WHEN q.earlier IS NOT NULL THEN CASE
				WHEN q.earlier_hash <> p_hash[q.i] THEN 15
				WHEN q.member AND q.earlier >= q.first_id THEN 1
				ELSE 2 END
			WHEN q.channel_kind = 3 THEN CASE WHEN q.role = 0 THEN 14 ELSE 16 END
			WHEN NOT q.member THEN CASE
				WHEN (q.channel_kind = 0 AND q.role > 0) OR (q.channel_kind = 1 AND q.role >= 2) THEN 17
				ELSE 14 END
			WHEN q.archived = 1 THEN 18
			WHEN q.silenced_until > v_now THEN 19
			WHEN q.read_only = 1 AND q.voice = 0 AND NOT q.operates THEN 20
			WHEN q.channel_kind = 2 AND q.member_count = 2 AND EXISTS (SELECT 1 FROM members z WHERE z.channel_id = q.channel_id AND
				z.user_id <> q.user_id AND (SELECT b.at FROM blocks b WHERE b.user_id = z.user_id AND b.blocked_id = q.user_id) IS NOT NULL)
				THEN 21
			WHEN q.slow_mode_s > 0 AND NOT q.operates AND q.sent_at > 0 AND q.sent_at + q.slow_mode_s * 1000 > v_now THEN 22
			WHEN p_fault[q.i] <> 0 THEN p_fault[q.i]
			WHEN p_reply[q.i] > 0 AND (p_reply[q.i] < q.first_id OR p_reply[q.i] <= q.min_id OR p_reply[q.i] > q.last_id) THEN 25
			ELSE 0 END AS verdict
		FROM found q OFFSET 0
	), fresh AS ( -- of one nonce in the batch the first counts
		SELECT j.*, j.slow_mode_s > 0 AND NOT j.operates AS slow, row_number() OVER same AS nth, first_value(j.i) OVER same AS first_i
		FROM judged j WINDOW same AS (PARTITION BY j.channel_id, j.user_id, j.nonce, j.verdict = 0 ORDER BY j.i)
	), paced AS ( -- of one sender in a slow channel the first counts
		SELECT f.*, f.verdict = 0 AND f.nth = 1 AND (NOT f.slow OR 1 = row_number() OVER (PARTITION BY f.channel_id, f.user_id,
			f.verdict = 0 AND f.nth = 1 ORDER BY f.i)) AS new
		FROM fresh f
	), numbered AS (
		SELECT p.*, count(*) FILTER (WHERE p.new) OVER (PARTITION BY p.channel_id ORDER BY p.i ROWS UNBOUNDED PRECEDING) AS n
		FROM paced p
	), done AS MATERIALIZED (
		SELECT p.i, p.channel_id, p.user_id, p.slow, p.now_at, p.verdict, p.nth, p.first_i, p.new, p.earlier, p.sent_at, p.slow_mode_s,
			p.head_rev + p.n AS rev, p.last_id + p.n AS message_id, p.last_seq + p.n AS seq,
			max(CASE WHEN p.new THEN p.last_id + p.n END) OVER (PARTITION BY p.channel_id, p.user_id, p.nonce) AS first_of_nonce,
			CASE WHEN p_all[p.i] = 1 AND (p.operates OR p.member_count <= 100) THEN 1 ELSE 0 END::bigint AS all_named,
			CASE WHEN p.new AND p_names[p.i] <> '' THEN ARRAY(
				SELECT x.id FROM (SELECT (SELECT u.user_id FROM users u WHERE u.username = t.name) AS id
					FROM unnest(string_to_array(p_names[p.i], ',')) t (name) OFFSET 0) x
				WHERE x.id <> p.user_id
					AND (SELECT m.left_rev IS NULL FROM members m WHERE m.channel_id = p.channel_id AND m.user_id = x.id)
				ORDER BY x.id) END AS named
		FROM numbered p
	), put AS (
		INSERT INTO messages (channel_id, message_id, seq, rev, changed_rev, body_rev, nonce, request_hash, author_id, kind, body,
			created_at, reply_to, mention_all)
		SELECT a.channel_id, a.message_id, a.seq, a.rev, a.rev, a.rev, p_nonce[a.i], p_hash[a.i], a.user_id, p_kind[a.i], p_body[a.i],
			a.now_at, nullif(p_reply[a.i], 0), a.all_named FROM done a WHERE a.new
	), put_names AS (
		INSERT INTO mentions (channel_id, message_id, user_id, at)
		SELECT a.channel_id, a.message_id, x, a.now_at FROM done a, unnest(a.named) x WHERE a.new AND a.named IS NOT NULL
	), sums AS MATERIALIZED (
		SELECT a.channel_id, count(*) AS n, max(a.now_at) AS now_at, max(a.rev) AS rev FROM done a WHERE a.new GROUP BY a.channel_id
	), moved AS ( -- from a head's place, which the lock holds: joined by its key, all heads would be read for each of them
		UPDATE heads h SET rev = z.rev, rev_at = z.now_at, last_id = h.last_id + z.n, last_seq = h.last_seq + z.n, last_at = z.now_at
		FROM sums z CROSS JOIN LATERAL (SELECT x.ctid AS place FROM heads x WHERE x.channel_id = z.channel_id OFFSET 0) x
		WHERE h.ctid = x.place
	), noted AS (
		INSERT INTO moves (channel_id, rev) SELECT z.channel_id, z.rev FROM sums z
	), slowed AS (
		UPDATE members m SET sent_at = a.now_at FROM done a
		WHERE a.new AND a.slow AND m.channel_id = a.channel_id AND m.user_id = a.user_id
	)
	SELECT a.i, CASE
			WHEN a.verdict <> 0 THEN a.verdict
			WHEN a.new THEN 0
			WHEN a.nth = 1 OR a.first_of_nonce IS NULL THEN 22
			WHEN p_hash[a.i] <> p_hash[a.first_i] THEN 15
			ELSE 1 END::bigint,
		coalesce(a.user_id, 0), CASE WHEN a.new THEN a.message_id ELSE coalesce(a.earlier, a.first_of_nonce) END, a.seq, a.rev, a.now_at,
		a.all_named, array_to_string(a.named, ','),
		a.slow_mode_s * 1000 - CASE WHEN a.verdict = 22 THEN v_now - a.sent_at ELSE 0 END
	FROM done a ORDER BY a.i;
END
$$;
--pg}
