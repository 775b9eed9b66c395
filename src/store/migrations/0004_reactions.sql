-- Reactions. Who has given which stands in `reactions`; what a reader of a message is shown stands with the message, so that
-- to read one costs nothing more: `EMOJI COUNT ID,ID,...` joined by `;`, the emoji and the first 20 people in the order in
-- which they came. Both move together, under the head's lock. Those who do not know of the column leave it as it is; a
-- deleted message has none, whatever stands there.
ALTER TABLE messages ADD COLUMN reactions TEXT;

-- One's own among the messages of a page.
CREATE INDEX reactions_user ON reactions (channel_id, user_id, message_id, emoji);
