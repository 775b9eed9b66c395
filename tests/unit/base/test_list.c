#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct item {
	int n;
	struct list link;
};

static void assert_order(struct list *head, const int *expected, size_t n)
{
	struct list *l = head->next;
	for (size_t i = 0; i < n; i++, l = l->next) {
		assert_int_equal(container_of(l, struct item, link)->n, expected[i]);
		assert_ptr_equal(l->prev->next, l);
	}
	assert_ptr_equal(l, head);
}

static void items_keep_their_order(void **state)
{
	struct list head;
	struct item items[4] = { { .n = 0 }, { .n = 1 }, { .n = 2 }, { .n = 3 } };
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_pop(&head));
	list_add_tail(&head, &items[1].link);
	list_add_tail(&head, &items[2].link);
	list_add_head(&head, &items[0].link);
	list_add_tail(&head, &items[3].link);
	assert_order(&head, (int[]){ 0, 1, 2, 3 }, 4);
	list_del(&items[2].link);
	list_del(&items[2].link);
	assert_true(list_empty(&items[2].link));
	assert_order(&head, (int[]){ 0, 1, 3 }, 3);
	assert_ptr_equal(list_pop(&head), &items[0].link);
	list_del(&items[3].link);
	assert_order(&head, (int[]){ 1 }, 1);
	assert_ptr_equal(list_pop(&head), &items[1].link);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(items_keep_their_order) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
