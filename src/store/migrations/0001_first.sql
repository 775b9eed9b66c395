-- Written in Postgres's words. For SQLite the build turns BIGINT into INTEGER and BYTEA into BLOB; a line that ends in
-- --pg or --sqlite is for that database alone (see tools/embed.c).
--
-- Times are BIGINT epoch milliseconds, flags BIGINT 0 and 1, what may be absent is NULL. Roles, kinds and levels are the
-- numbers of the enums in src/model. Hot tables are keyed by channel first and have no foreign keys.

-- The server: its uuid, epoch, name and settings.
CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- Ids are taken from here: UPDATE ... SET value = value + 1 ... RETURNING value.
CREATE TABLE counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
); --pg
) STRICT, WITHOUT ROWID; --sqlite
INSERT INTO counters (name, value) VALUES ('user_id', 0), ('channel_id', 0);

-- Keys that several roles share, made once.
CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL,
    created_at BIGINT NOT NULL
); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- People -------------------------------------------------------------------------------------------------------------

CREATE TABLE users (
    user_id BIGINT NOT NULL PRIMARY KEY,
    username TEXT NOT NULL,
    display_name TEXT,
    display_key TEXT,                       -- folded, to be found by
    avatar TEXT,                            -- a media id
    role BIGINT NOT NULL,                   -- enum user_role
    bot BIGINT NOT NULL DEFAULT 0,
    password_hash TEXT,                     -- Argon2id as libsodium writes it; NULL: no password logs in
    created_at BIGINT NOT NULL,
    created_by BIGINT,                      -- an admin, or a bot's owner
    deactivated_at BIGINT,
    deleted_at BIGINT,
    changed_rev BIGINT NOT NULL DEFAULT 0   -- of channel 0
); --pg
) STRICT; --sqlite
CREATE UNIQUE INDEX users_username ON users (username);

-- Every name that was ever somebody's, hashed, so that none is given twice.
CREATE TABLE used_names (
    name_hash BYTEA NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    at BIGINT NOT NULL
); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- Moves with whatever changes somebody's own list or sessions.
CREATE TABLE user_heads (
    user_id BIGINT NOT NULL PRIMARY KEY,
    rev BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50); --pg
) STRICT; --sqlite

CREATE TABLE blocks (
    user_id BIGINT NOT NULL,
    blocked_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (user_id, blocked_id)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

CREATE TABLE settings (
    user_id BIGINT NOT NULL,
    key TEXT NOT NULL,
    value TEXT,                             -- NULL: taken back
    user_rev BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- Cookies, clients that refresh, API tokens. Only hashes (SHA-256) of what they show.
CREATE TABLE sessions (
    session_id TEXT NOT NULL PRIMARY KEY,   -- a ULID
    kind TEXT NOT NULL,                     -- cookie, client, token
    user_id BIGINT NOT NULL,
    secret_hash BYTEA,                      -- of cookie or token; NULL for a client
    refresh_hash BYTEA,                     -- of a client's present refresh token
    refresh_n BIGINT NOT NULL DEFAULT 0,    -- how often the family was rotated,
    refresh_times TEXT,                     -- and when, of the last minute: "1700000000000,1700000004000"
    scopes BIGINT NOT NULL,                 -- enum scope, together
    name TEXT,                              -- of a token
    scram BYTEA,                            -- verifier of a token, for SASL
    created_at BIGINT NOT NULL,
    expires_at BIGINT,                      -- NULL: a token without an end
    used_at BIGINT NOT NULL,
    address TEXT,
    agent TEXT,
    revoked_at BIGINT
) WITH (fillfactor = 80); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE UNIQUE INDEX sessions_secret ON sessions (secret_hash);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE reset_codes (
    code_hash BYTEA NOT NULL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    created_by BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE INDEX reset_codes_user ON reset_codes (user_id);

-- Channels -----------------------------------------------------------------------------------------------------------

-- The head: everything that is judged or moved under the channel's lock, and no index but the key, so that its updates
-- stay in their page.
CREATE TABLE heads (
    channel_id BIGINT NOT NULL PRIMARY KEY,
    rev BIGINT NOT NULL DEFAULT 0,
    rev_at BIGINT NOT NULL DEFAULT 0,       -- the row's time at rev
    last_id BIGINT NOT NULL DEFAULT 0,      -- of messages
    last_seq BIGINT NOT NULL DEFAULT 0,
    last_at BIGINT NOT NULL DEFAULT 0,
    min_rev BIGINT NOT NULL DEFAULT 0,      -- rows at or below are gone
    min_rev_at BIGINT NOT NULL DEFAULT 0,   -- the row's time at min_rev
    min_id BIGINT NOT NULL DEFAULT 0,
    member_count BIGINT NOT NULL DEFAULT 0,
    kind BIGINT NOT NULL,                   -- enum channel_kind
    history BIGINT NOT NULL DEFAULT 0,      -- enum channel_history
    read_only BIGINT NOT NULL DEFAULT 0,
    archived BIGINT NOT NULL DEFAULT 0,
    large BIGINT NOT NULL DEFAULT 0,
    slow_mode_s BIGINT NOT NULL DEFAULT 0,
    deleted_at BIGINT
) WITH (fillfactor = 50); --pg
) STRICT; --sqlite

CREATE TABLE channels (
    channel_id BIGINT NOT NULL PRIMARY KEY,
    name TEXT,                              -- as written; NULL for a DM
    name_key TEXT,                          -- folded; NULL for a DM and once deleted, so that the name is free
    topic TEXT,
    topic_by BIGINT,
    topic_at BIGINT,
    dm_key TEXT,                            -- "3,7,12": a DM's people
    is_default BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    created_by BIGINT NOT NULL
); --pg
) STRICT; --sqlite
CREATE UNIQUE INDEX channels_name ON channels (name_key);
CREATE UNIQUE INDEX channels_dm ON channels (dm_key);

-- Channel 0, the server's own log. Kind 3 is CHANNEL_SERVER.
INSERT INTO heads (channel_id, kind) VALUES (0, 3);
INSERT INTO channels (channel_id, created_at, created_by) VALUES (0, 0, 0);

CREATE TABLE members (
    channel_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    role BIGINT NOT NULL DEFAULT 0,         -- enum channel_role
    voice BIGINT NOT NULL DEFAULT 0,
    silenced_until BIGINT,                  -- by a moderator: may not write
    joined_rev BIGINT NOT NULL,
    joined_at BIGINT NOT NULL,
    left_rev BIGINT,                        -- NULL while a member; a left row stays for 30 days
    left_at BIGINT,
    sent_at BIGINT,                         -- the last message; kept in slow mode only
    first_id BIGINT NOT NULL DEFAULT 1,     -- history: joined: the first message that may be read
    read_id BIGINT NOT NULL DEFAULT 0,      -- from here on: the person's own part
    read_seq BIGINT NOT NULL DEFAULT 0,
    read_at BIGINT NOT NULL DEFAULT 0,
    level BIGINT NOT NULL DEFAULT 0,        -- enum notify_level
    muted_until BIGINT,                     -- by oneself: no notifications
    hidden_at BIGINT,                       -- the channel's last_id when it was hidden
    user_rev BIGINT NOT NULL DEFAULT 0,     -- of the person's head, when that part changed last
    PRIMARY KEY (channel_id, user_id)
) WITH (fillfactor = 80); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE INDEX members_user ON members (user_id, channel_id);

-- Bans and such: IRC's b, e, I and q; the web's have a user_id and an empty mask.
CREATE TABLE channel_masks (
    channel_id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    mask TEXT NOT NULL DEFAULT '',
    user_id BIGINT NOT NULL DEFAULT 0,
    actor_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    until BIGINT,
    reason TEXT,
    PRIMARY KEY (channel_id, kind, mask, user_id)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

CREATE TABLE invites (
    code TEXT NOT NULL PRIMARY KEY,
    channel_id BIGINT,                      -- NULL: to the server
    user_id BIGINT,                         -- to whom; NULL: to whoever has the code
    created_by BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    uses BIGINT NOT NULL DEFAULT 0,
    guest BIGINT NOT NULL DEFAULT 0
); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE INDEX invites_channel ON invites (channel_id);
CREATE INDEX invites_user ON invites (user_id);

-- The log of a channel: each rev is in exactly one row of messages (its creation) or of changes ---------------------------

CREATE TABLE messages (
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    seq BIGINT,                             -- NULL: only in its thread
    rev BIGINT NOT NULL,                    -- of its creation, for ever
    changed_rev BIGINT NOT NULL,
    body_rev BIGINT NOT NULL,
    nonce BYTEA NOT NULL,
    request_hash BYTEA NOT NULL,
    author_id BIGINT NOT NULL,
    kind BIGINT NOT NULL DEFAULT 0,         -- enum message_kind
    body TEXT NOT NULL,                     -- '' once deleted
    created_at BIGINT NOT NULL,
    edited_at BIGINT,
    deleted_at BIGINT,
    deleted_by BIGINT,
    reply_to BIGINT,
    thread_id BIGINT,
    thread_seq BIGINT,
    mention_all BIGINT NOT NULL DEFAULT 0,
    thread_count BIGINT NOT NULL DEFAULT 0, -- of a root: its replies
    thread_last_id BIGINT,
    thread_last_at BIGINT,
    pinned_at BIGINT,
    pinned_by BIGINT,
    PRIMARY KEY (channel_id, message_id)
) WITH (fillfactor = 90); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE UNIQUE INDEX messages_rev ON messages (channel_id, rev);
-- Begins with what no other key begins with: on a table that is nearly empty Postgres takes any index on channel_id for as
-- good as this one, and its plan stays while the channel grows (0002: linnet_send).
CREATE UNIQUE INDEX messages_nonce ON messages (author_id, nonce, channel_id);
CREATE INDEX messages_thread ON messages (channel_id, thread_id, thread_seq) WHERE thread_id IS NOT NULL;
CREATE INDEX messages_mention_all ON messages (channel_id, message_id) WHERE mention_all = 1;
CREATE INDEX messages_pinned ON messages (channel_id, pinned_at) WHERE pinned_at IS NOT NULL;

CREATE TABLE changes (
    channel_id BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    kind TEXT NOT NULL,                     -- CHANGE_KINDS of model/event.h
    at BIGINT NOT NULL,
    message_id BIGINT,
    user_id BIGINT,
    actor_id BIGINT NOT NULL,
    data TEXT,                              -- JSON, by kind
    PRIMARY KEY (channel_id, rev)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- What a message said before: a row for each version that is no longer the present one.
CREATE TABLE message_edits (
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    rev BIGINT NOT NULL,                    -- its body_rev then
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, message_id, rev)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

CREATE TABLE mentions (
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    thread_id BIGINT,                       -- counts for the thread, not the channel
    at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, message_id, user_id)
); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE INDEX mentions_user ON mentions (user_id, channel_id, message_id);

CREATE TABLE reactions (
    channel_id BIGINT NOT NULL,
    message_id BIGINT NOT NULL,
    emoji TEXT NOT NULL,
    user_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (channel_id, message_id, emoji, user_id)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

CREATE TABLE thread_follows (
    channel_id BIGINT NOT NULL,
    thread_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    following BIGINT NOT NULL DEFAULT 1,    -- 0: unfollowed
    read_seq BIGINT NOT NULL DEFAULT 0,
    user_rev BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (channel_id, thread_id, user_id)
) WITH (fillfactor = 80); --pg
) STRICT, WITHOUT ROWID; --sqlite
CREATE INDEX thread_follows_user ON thread_follows (user_id, channel_id, thread_id);

-- What holds it together ---------------------------------------------------------------------------------------------

-- One row per moved head and batch, for the head check: inserted, never updated, deleted when all have seen it.
CREATE TABLE moves (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(), --pg
    xid INTEGER NOT NULL DEFAULT 0, --sqlite
    channel_id BIGINT,
    user_id BIGINT,
    rev BIGINT NOT NULL
); --pg
) STRICT; --sqlite
CREATE INDEX moves_xid ON moves (xid);

-- Each append connection's batches: n - 1 to n is the first statement of batch n.
CREATE TABLE appenders (
    id TEXT NOT NULL PRIMARY KEY,
    batch BIGINT NOT NULL,
    at BIGINT NOT NULL
) WITH (fillfactor = 50); --pg
) STRICT, WITHOUT ROWID; --sqlite

-- How far those who follow the log have come.
CREATE TABLE followers (
    name TEXT NOT NULL,
    channel_id BIGINT NOT NULL,
    rev BIGINT NOT NULL,
    PRIMARY KEY (name, channel_id)
); --pg
) STRICT, WITHOUT ROWID; --sqlite

CREATE TABLE audit (
    id TEXT NOT NULL PRIMARY KEY,           -- a ULID: in the order of time
    at BIGINT NOT NULL,
    actor_id BIGINT,
    action TEXT NOT NULL,
    target TEXT,
    before TEXT,                            -- JSON
    after TEXT,
    address TEXT,
    request_id TEXT
); --pg
) STRICT, WITHOUT ROWID; --sqlite
