#include "model/permit_person.h"

static struct permit_answer no(enum err e, const char *why)
{
	return (struct permit_answer){ .err = e, .why = why };
}

static bool is_self(const struct permit_person *p)
{
	return p->target->id == p->actor->user_id;
}

#define NO_ADMIN "only admins change other people"

static struct permit_answer by_whom(const struct permit_person *p)
{
	const struct user *u = p->target;
	if (p->act == PERSON_DELETE && is_self(p) && !p->need_scope) return (struct permit_answer){ .err = OK };
	if (p->actor->role < USER_ADMIN) return no(ERR_NOT_ALLOWED, NO_ADMIN);
	if (p->act == PERSON_DELETE && is_self(p))
		return no(ERR_NOT_ALLOWED, "one's own account is deleted by DELETE /auth/me");
	bool owners = u->role == USER_OWNER || (p->act == PERSON_CHANGE && p->new_role == USER_OWNER);
	if (owners && p->actor->role != USER_OWNER) return no(ERR_NOT_ALLOWED, "only an owner makes or changes owners");
	return (struct permit_answer){ .err = OK };
}

struct permit_answer permit_person(const struct permit_person *p)
{
	if (p->need_scope & ~p->actor->scopes) return no(ERR_SCOPE_MISSING, NULL);
	if (!p->target)
		return p->actor->role < USER_ADMIN ? no(ERR_NOT_ALLOWED, NO_ADMIN) : (struct permit_answer){ .err = OK };
	if (p->actor->role >= USER_ADMIN && p->target->deleted) return no(ERR_NOT_FOUND, "this account was deleted");
	struct permit_answer a = by_whom(p);
	if (a.err) return a;
	bool stays = p->act == PERSON_RESET || (p->act == PERSON_CHANGE && p->new_role == USER_OWNER && !p->off);
	if (p->target->role == USER_OWNER && p->last_owner && !stays)
		return no(ERR_CONFLICT, "the last owner stays: make somebody else one first");
	if (p->target->bot && p->act == PERSON_CHANGE && p->new_role == USER_OWNER)
		return no(ERR_NOT_ALLOWED, "a bot owns no server");
	a.audit = true;
	return a;
}

struct permit_answer permit_person_new(const struct actor *actor, int need_scope)
{
	if (need_scope & ~actor->scopes) return no(ERR_SCOPE_MISSING, NULL);
	if (actor->role < USER_ADMIN) return no(ERR_NOT_ALLOWED, "only admins make accounts for others");
	return (struct permit_answer){ .err = OK, .audit = true };
}
