-- Of the head of the person whom an invite is to, when it was made: their devices are told of it.
ALTER TABLE invites ADD COLUMN user_rev BIGINT NOT NULL DEFAULT 0;
