/* An intrusive doubly linked list; an empty list points at itself. */
#ifndef LINNET_BASE_LIST_H
#define LINNET_BASE_LIST_H
#include <stdbool.h>

#include "base/mem.h"

struct list {
	struct list *prev, *next;
};
static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *head, struct list *item)
{
	item->prev = head->prev, item->next = head;
	head->prev->next = item, head->prev = item;
}
static inline void list_add_head(struct list *head, struct list *item)
{
	list_add_tail(head->next, item);
}
static inline void list_del(struct list *item) /* leaves item an empty list: removing twice is harmless */
{
	item->prev->next = item->next, item->next->prev = item->prev;
	list_init(item);
}
static inline struct list *list_pop(struct list *head) /* NULL when empty */
{
	struct list *l = head->next;
	if (l == head) return NULL;
	list_del(l);
	return l;
}
#endif
