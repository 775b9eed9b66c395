-- Reading and sweeping `moves`. What comes and goes all the time is cleared away by its number, not by a share of the table.
--pg{
ALTER TABLE moves SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- A moment of the database: the snapshot, the epoch, when that server was started, and its clock before and after. xids of
-- another epoch say nothing, nor do those from before a crash, after which some are given anew.
CREATE TYPE linnet_moment AS (snapshot TEXT, epoch BIGINT, server BIGINT, asked BIGINT, taken BIGINT);

CREATE FUNCTION linnet_moment() RETURNS linnet_moment LANGUAGE sql STABLE AS $$
	SELECT pg_current_snapshot()::text, linnet_epoch(),
		floor(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint,
		floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint,
		ceil(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- What moved that the snapshot `p_prev` did not see, in the snapshot that the first row has: one row a head, and the first
-- with the moment. known 0: the rows do not tell it all, so there are none: the snapshot is of another epoch or server, older
-- than p_age, or more than p_most heads have moved. STABLE: rows and snapshot are of the statement that calls it. No plan
-- but by the index, whatever the statistics say of a table that is empty at one time and full at another.
CREATE FUNCTION linnet_moved(p_prev TEXT, p_epoch BIGINT, p_server BIGINT, p_asked BIGINT, p_age BIGINT, p_most BIGINT)
RETURNS TABLE (snapshot TEXT, epoch BIGINT, server BIGINT, asked BIGINT, taken BIGINT, known BIGINT, channel_id BIGINT,
	user_id BIGINT, rev BIGINT)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
	v_now linnet_moment := linnet_moment();
	v_known BOOLEAN := p_prev <> '' AND p_epoch = v_now.epoch AND p_server = v_now.server
		AND v_now.taken BETWEEN p_asked AND p_asked + p_age;
	v_prev pg_snapshot := CASE WHEN v_known THEN p_prev::pg_snapshot END;
	v_xmax xid8 := pg_snapshot_xmax(v_prev);
	v_xip xid8[] := ARRAY(SELECT pg_snapshot_xip(v_prev));
	v_rows BIGINT := 0;
BEGIN
	IF v_known THEN
		RETURN QUERY SELECT NULL::text, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
			m.channel_id, m.user_id, max(m.rev)
		FROM (SELECT a.channel_id, a.user_id, a.rev FROM moves a WHERE a.xid >= v_xmax
			UNION ALL SELECT b.channel_id, b.user_id, b.rev FROM moves b WHERE b.xid = ANY (v_xip)) m
		GROUP BY m.channel_id, m.user_id LIMIT p_most + 1;
		GET DIAGNOSTICS v_rows = ROW_COUNT;
	END IF;
	RETURN QUERY SELECT v_now.snapshot, v_now.epoch, v_now.server, v_now.asked, v_now.taken,
		(v_known AND v_rows <= p_most)::int::bigint, NULL::bigint, NULL::bigint, NULL::bigint;
END
$$;

-- Deletes at most p_most rows that were visible at the moment `p_old`, if that is p_age old: nobody whose last snapshot is
-- younger misses them. p_done: a snapshot whose rows are gone already. swept NULL: nothing was to be done, or another pod is
-- at it (lock). remaining: how many rows there are, about.
CREATE FUNCTION linnet_sweep(p_old TEXT, p_epoch BIGINT, p_server BIGINT, p_taken BIGINT, p_done TEXT, p_age BIGINT,
	p_most BIGINT)
RETURNS TABLE (snapshot TEXT, epoch BIGINT, server BIGINT, asked BIGINT, taken BIGINT, remaining BIGINT, swept BIGINT)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
	v_now linnet_moment := linnet_moment();
	v_old pg_snapshot;
	v_xmax xid8;
	v_xip xid8[];
	v_from xid8 := '0'::xid8;
BEGIN
	SELECT v_now.snapshot, v_now.epoch, v_now.server, v_now.asked, v_now.taken, pg_stat_get_live_tuples('moves'::regclass)
		INTO snapshot, epoch, server, asked, taken, remaining;
	IF p_old <> '' AND p_epoch = epoch AND p_server = server AND asked - p_taken >= p_age
		AND pg_try_advisory_xact_lock(7310591025) THEN
		v_old := p_old::pg_snapshot;
		v_xmax := pg_snapshot_xmax(v_old);
		v_xip := ARRAY(SELECT pg_snapshot_xip(v_old));
		IF p_done <> '' THEN
			v_from := pg_snapshot_xmin(p_done::pg_snapshot);
		END IF;
		DELETE FROM moves d WHERE d.ctid = ANY (ARRAY(SELECT m.ctid FROM moves m
			WHERE m.xid >= v_from AND m.xid < v_xmax AND m.xid <> ALL (v_xip) ORDER BY m.xid LIMIT p_most));
		GET DIAGNOSTICS swept = ROW_COUNT;
	END IF;
	RETURN NEXT;
END
$$;
--pg}
