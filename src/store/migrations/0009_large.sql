-- Large channels: joins and leaves take no rev there.

-- The channel's rev when the person left it last without a change of its own, by which streams know where to end. It stays
-- when they come back, unless nothing was written in between. Those who do not know of it take a rev for each leave.
ALTER TABLE members ADD COLUMN cut_rev BIGINT;
