/* Large channels: their joins and leaves move the head's count of members and no rev. */
#include "store/append_tx.h"

void tx_quiet(struct tx_ask *q, int64_t user_id, int64_t left_rev)
{
	struct change *c = q->c;
	q->ch->counted = true;
	c->quiet = true;
	c->about_id = user_id;
	c->left_rev = left_rev;
	c->member_count = q->ch->row.member_count;
}

static bool is_large(const struct channel *h, const struct config *config)
{
	return h->member_count >= (h->large ? config->large_until : config->large_from);
}

/* By nobody: it follows from who comes and goes. */
enum err tx_size(struct tx_ask *q)
{
	struct channel *h = &q->ch->row;
	bool large = is_large(h, q->tx->w->config);
	if (h->kind == CHANNEL_DM || h->kind == CHANNEL_SERVER || large == h->large) return OK;
	h->large = large;
	q->c->also = &q->c->also_fields;
	*q->c->also = (struct event_fields){
		.kind = CHANGE_CHANNEL,
		.channel_id = h->id,
		.rev = tx_rev(q->tx, q->ch),
		.at = q->ch->at,
		.data = large ? STR("\"large\":true") : STR("\"large\":false"),
	};
	return tx_row_write(q->tx, q->c->also);
}
