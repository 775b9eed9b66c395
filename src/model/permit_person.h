/* Who may do what to an account: one pure function decides. */
#ifndef LINNET_MODEL_PERMIT_PERSON_H
#define LINNET_MODEL_PERMIT_PERSON_H
#include "model/permit.h"

enum person_act { PERSON_CHANGE, PERSON_DELETE, PERSON_RESET };
struct permit_person {
	enum person_act act;
	const struct actor *actor;
	int need_scope;            /* enum scope; 0: one's own business, never by an API token */
	const struct user *target; /* NULL: before they are looked up; who may not at all does not learn who is there */
	enum user_role new_role;   /* PERSON_CHANGE: as it shall be */
	bool off;                  /* PERSON_CHANGE: shall be deactivated */
	bool last_owner;           /* there is no other owner who could act */
};
struct permit_answer permit_person(const struct permit_person *p);
/* May they make accounts? */
struct permit_answer permit_person_new(const struct actor *actor, int need_scope);
#endif
