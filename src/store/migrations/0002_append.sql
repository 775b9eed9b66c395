-- What Postgres does by functions. SQLite's part of it is C.
--pg{

-- Which history of the database this is: another server, timeline (a standby that was promoted), database or table (a dump
-- that was restored in place) gives another number.
CREATE FUNCTION linnet_epoch() RETURNS BIGINT LANGUAGE sql STABLE AS $$
	SELECT hashtextextended(concat_ws('/', (SELECT value FROM meta WHERE key = 'uuid'),
		(SELECT system_identifier FROM pg_control_system()),
		substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8),
		(SELECT oid FROM pg_database WHERE datname = current_database()),
		'heads'::regclass::oid), 0)
$$;

CREATE FUNCTION linnet_now_ms() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
	SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;
--pg}
