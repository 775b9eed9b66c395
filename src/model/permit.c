#include "model/permit.h"

static struct permit_answer yes(void)
{
	return (struct permit_answer){ .err = OK };
}

static struct permit_answer nothing(void)
{
	return (struct permit_answer){ .err = OK, .nothing = true };
}

static struct permit_answer no(enum err e, const char *why)
{
	return (struct permit_answer){ .err = e, .why = why };
}

static struct permit_answer audited(bool audit)
{
	return (struct permit_answer){ .err = OK, .audit = audit };
}

static bool admin(const struct permit *p)
{
	return p->actor->role >= USER_ADMIN;
}

bool permit_operates(const struct permit *p)
{
	return p->member && (p->role >= CHANNEL_OP || admin(p));
}

/* What one who is not in the channel learns of it: public ones can be browsed but by guests, private ones are known to
 * admins, a DM to nobody. */
static struct permit_answer outside(const struct permit *p)
{
	enum channel_kind k = p->channel->kind;
	bool known = (k == CHANNEL_PUBLIC && p->actor->role != USER_GUEST) || (k == CHANNEL_PRIVATE && admin(p));
	return no(known ? ERR_NOT_MEMBER : ERR_NOT_FOUND, NULL);
}

/* To a guest whom they share no channel with is nobody; but operators see who is banned. */
static bool somebody(const struct permit *p)
{
	return p->person && (p->actor->role != USER_GUEST || !p->strangers || p->banned);
}

static struct permit_answer permit_create(const struct permit *p)
{
	bool guest = p->actor->role == USER_GUEST;
	if (guest && !p->dm) return no(ERR_NOT_ALLOWED, "guests do not make channels");
	if (p->sets_default && !admin(p)) return no(ERR_NOT_ALLOWED, "only admins choose what everybody joins");
	if (p->dm && !somebody(p)) return no(ERR_NOT_FOUND, "one of these people does not exist");
	if (p->dm && p->blocked) return no(ERR_NOT_ALLOWED, NULL);
	return yes();
}

/* To say something in the channel: read-only ones leave that to operators and those with voice. */
struct permit_answer permit_speak(const struct permit *p)
{
	if (p->channel->archived) return no(ERR_NOT_ALLOWED, "the channel is archived");
	if (p->silenced_until > p->now_ms) return no(ERR_NOT_ALLOWED, "you were silenced here");
	if (p->channel->read_only && !p->voice && !permit_operates(p))
		return no(ERR_NOT_ALLOWED, "the channel is read-only");
	if (p->blocked && p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, NULL);
	return yes();
}

static struct permit_answer permit_send(const struct permit *p)
{
	struct permit_answer a = permit_speak(p);
	int64_t free_at = p->slow_at + p->channel->slow_mode_s * 1000;
	if (a.err || !p->channel->slow_mode_s || !p->slow_at || permit_operates(p)) return a;
	if (free_at <= p->now_ms) return a;
	a = no(ERR_RATE_LIMITED, "the channel is in slow mode");
	a.retry_ms = free_at - p->now_ms;
	return a;
}

static struct permit_answer message_gone(const struct permit *p)
{
	return no(ERR_NOT_FOUND, p->message ? "this message was deleted" : "there is no such message");
}

static struct permit_answer permit_edit(const struct permit *p)
{
	if (!p->message || p->message_deleted) return message_gone(p);
	if (!p->own_message) return no(ERR_NOT_ALLOWED, "only its author edits a message");
	return permit_speak(p);
}

static struct permit_answer permit_delete(const struct permit *p)
{
	if (!p->message) return message_gone(p);
	bool dm = p->channel->kind == CHANNEL_DM, operates = !dm && permit_operates(p);
	if (!p->own_message && !operates)
		return no(ERR_NOT_ALLOWED,
				  dm ? "only its author deletes a message here" : "only its author and operators delete a message");
	return p->message_deleted ? nothing() : audited(!p->own_message);
}

/* What was deleted nobody reads any more. In a direct message there is nobody above the others. */
struct permit_answer permit_history(const struct permit *p)
{
	if (!p->message || p->message_deleted) return message_gone(p);
	if (p->own_message) return yes();
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "only its author sees here what a message said");
	if (!permit_operates(p)) return no(ERR_NOT_ALLOWED, "only its author and operators see what a message said");
	return audited(true);
}

/* Whoever may speak may react, whoever wrote it; slow mode slows messages only. */
static struct permit_answer permit_react(const struct permit *p)
{
	if (!p->message || p->message_deleted) return message_gone(p);
	return permit_speak(p);
}

/* In a direct message there is nobody above the others. */
static struct permit_answer permit_pin(const struct permit *p)
{
	if (!p->message || p->message_deleted) return message_gone(p);
	if (p->channel->kind != CHANNEL_DM && !permit_operates(p))
		return no(ERR_NOT_ALLOWED, "only operators pin messages");
	return permit_speak(p);
}

static struct permit_answer permit_join(const struct permit *p)
{
	bool open = p->channel->kind == CHANNEL_PUBLIC && p->actor->role != USER_GUEST;
	if (p->member) return nothing();
	bool invited = p->invited && p->channel->kind != CHANNEL_DM;
	if (!open && !invited && !(p->channel->kind == CHANNEL_PRIVATE && admin(p))) return no(ERR_NOT_FOUND, NULL);
	if (p->banned) return no(ERR_NOT_ALLOWED, "you are banned from this channel");
	return audited(!open);
}

/* A link lets in whoever has it: into a private channel that is for operators, who see to it that it is private. Whom a
 * member invites by name is one person whom everybody there will see. */
struct permit_answer permit_invite(const struct permit *p, bool by_name)
{
	if (p->actor->role == USER_GUEST && (!p->channel || p->member)) return no(ERR_NOT_ALLOWED, "guests invite nobody");
	if (!p->channel) return audited(true);
	if (!p->member) return outside(p);
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "the people of a direct message stay the same");
	if (p->channel->kind == CHANNEL_SERVER) return no(ERR_NOT_FOUND, NULL);
	if (by_name || p->channel->kind == CHANNEL_PUBLIC || permit_operates(p)) return audited(true);
	return no(ERR_NOT_ALLOWED, "only operators make links into a private channel");
}

static struct permit_answer permit_add(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "the people of a direct message stay the same");
	if (!permit_operates(p)) return no(ERR_NOT_ALLOWED, "only operators add people");
	if (!somebody(p)) return no(ERR_NOT_FOUND, "there is no such person");
	if (p->target_member) return nothing();
	if (p->blocked) return no(ERR_NOT_ALLOWED, NULL);
	if (p->banned) return no(ERR_NOT_ALLOWED, "this person is banned from the channel: lift that first");
	return audited(true);
}

/* Who goes leaves nobody without an owner; an admin can always come and name one. */
static struct permit_answer permit_leave(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "a direct message can be hidden, not left");
	if (p->last_owner && p->channel->member_count > 1 && !admin(p))
		return no(ERR_CONFLICT, "you are the only owner: name another one first");
	return yes();
}

static bool above_actor(const struct permit *p)
{
	return p->target_role == CHANNEL_OWNER && p->role != CHANNEL_OWNER && !admin(p);
}

static struct permit_answer permit_kick(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "the people of a direct message stay the same");
	if (!permit_operates(p)) return no(ERR_NOT_ALLOWED, "only operators kick");
	if (!p->other) return no(ERR_NOT_ALLOWED, "to go, leave");
	if (!p->target_member) return nothing();
	if (p->target_admin && !admin(p)) return no(ERR_NOT_ALLOWED, "only an admin kicks an admin");
	if (above_actor(p)) return no(ERR_NOT_ALLOWED, "only an owner kicks an owner");
	return audited(true);
}

static struct permit_answer permit_ban(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "nobody is banned from a direct message");
	if (!permit_operates(p)) return no(ERR_NOT_ALLOWED, "only operators ban");
	if (!somebody(p)) return no(ERR_NOT_FOUND, "there is no such person");
	if (!p->on) return p->banned ? audited(true) : nothing();
	if (!p->other) return no(ERR_NOT_ALLOWED, "nobody bans themselves");
	if (p->target_admin && !admin(p)) return no(ERR_NOT_ALLOWED, "only an admin bans an admin");
	if (p->target_member && above_actor(p)) return no(ERR_NOT_ALLOWED, "only an owner bans an owner");
	return audited(true);
}

static struct permit_answer permit_role(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "in a direct message nobody has a role");
	if (!permit_operates(p)) return no(ERR_NOT_ALLOWED, "only operators change roles");
	if (!p->target_member) return no(ERR_NOT_FOUND, "this person is not in the channel");
	bool owners = p->target_role == CHANNEL_OWNER || p->new_role == CHANNEL_OWNER;
	if (owners && p->role != CHANNEL_OWNER && !admin(p))
		return no(ERR_NOT_ALLOWED, "only an owner makes or unmakes owners");
	if (p->silences && !p->other) return no(ERR_NOT_ALLOWED, "nobody silences or frees themselves");
	if (p->silences && p->target_admin && !admin(p)) return no(ERR_NOT_ALLOWED, "only an admin silences an admin");
	if (p->last_owner && p->new_role != CHANNEL_OWNER && !admin(p))
		return no(ERR_CONFLICT, "this is the only owner: name another one first");
	return audited(true);
}

static struct permit_answer permit_deleted(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "a direct message can be hidden, not deleted");
	if (p->role != CHANNEL_OWNER && !admin(p)) return no(ERR_NOT_ALLOWED, "only an owner deletes a channel");
	if (p->is_default) return no(ERR_CONFLICT, "new accounts join this channel: take `default` away first");
	return audited(true);
}

static struct permit_answer permit_operate(const struct permit *p)
{
	if (p->channel->kind == CHANNEL_DM) return no(ERR_NOT_ALLOWED, "a direct message has no name, topic or settings");
	if (!permit_operates(p)) return no(ERR_NOT_ALLOWED, "only operators change name, topic and settings");
	if (p->sets_default && !admin(p)) return no(ERR_NOT_ALLOWED, "only admins choose what everybody joins");
	return audited(p->kind == CHANGE_CHANNEL);
}

static struct permit_answer inside(const struct permit *p)
{
	switch (p->kind) {
	case CHANGE_MESSAGE: return permit_send(p);
	case CHANGE_EDIT: return permit_edit(p);
	case CHANGE_DELETE: return permit_delete(p);
	case CHANGE_REACTION: return permit_react(p);
	case CHANGE_PIN: return permit_pin(p);
	case CHANGE_JOIN: return permit_add(p);
	case CHANGE_LEAVE: return permit_leave(p);
	case CHANGE_KICK: return permit_kick(p);
	case CHANGE_ROLE: return permit_role(p);
	case CHANGE_BAN: return permit_ban(p);
	case CHANGE_DELETED: return permit_deleted(p);
	case CHANGE_TOPIC:
	case CHANGE_CHANNEL: return permit_operate(p);
	default: return no(ERR_NOT_ALLOWED, NULL);
	}
}

struct permit_answer permit(const struct permit *p)
{
	if (p->need_scope & ~p->actor->scopes) return no(ERR_SCOPE_MISSING, NULL);
	if (p->creates) return permit_create(p);
	if (!p->channel || p->channel->deleted) return no(ERR_NOT_FOUND, NULL);
	if (p->channel->kind == CHANNEL_SERVER && p->kind == CHANGE_USER && !p->other) return yes();
	if (p->channel->kind == CHANNEL_SERVER && p->kind == CHANGE_SERVER)
		return admin(p) ? audited(true) : no(ERR_NOT_ALLOWED, "only admins change the server's settings");
	if (p->channel->kind == CHANNEL_SERVER)
		return p->actor->role == USER_GUEST ? no(ERR_NOT_FOUND, NULL)
											: no(ERR_NOT_ALLOWED, "only the server writes here");
	if (p->kind == CHANGE_JOIN && !p->other) return permit_join(p);
	if (p->member) return inside(p);
	struct permit_answer a = outside(p);
	return p->kind == CHANGE_LEAVE && (p->left || a.err == ERR_NOT_MEMBER) ? nothing() : a;
}
