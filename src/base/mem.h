/* Memory that cannot fail: running out aborts. What an outsider may choose the size of is capped before it gets here.
 */
#ifndef LINNET_BASE_MEM_H
#define LINNET_BASE_MEM_H
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t n);           /* uninitialised */
void *mem_zalloc(size_t n);          /* zeroed */
void *mem_resize(void *p, size_t n); /* realloc; p may be NULL */
void *mem_dup(const void *p, size_t n);
void *mem_aligned(size_t align, size_t n); /* uninitialised; align a power of two, 8 at least */
void mem_free(void *p);                    /* NULL is fine */
size_t mem_times(size_t n, size_t item);   /* n * item; aborts where that does not fit */

#define mem_new(type) ((type *)mem_zalloc(sizeof(type)))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define countof(a) (sizeof(a) / sizeof((a)[0]))
#endif
