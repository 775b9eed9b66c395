-- What a person says of themselves besides their name: a line, and that they are not to be disturbed.
ALTER TABLE users ADD COLUMN status TEXT;
ALTER TABLE users ADD COLUMN do_not_disturb BIGINT NOT NULL DEFAULT 0;
