/* Turns a YAML document into JSON on one line, at build time: yaml2json FILE [NAME]. With NAME it writes C source that
 * defines `const char NAME[]` and `const size_t NAME_n`, for documents that the binary carries.
 *
 * One pass over libyaml's events, a stack of open collections, no tree. Plain scalars are null, true, false or numbers
 * where JSON would read them so, everything else is a string. Refused: anchors, aliases, tags, keys that are no scalar,
 * a second document. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH 64

struct out {
	FILE *file;
	const char *name; /* NULL: bare JSON */
	size_t n;
};

struct level {
	bool mapping;
	bool value_next; /* in a mapping: the key was written */
	bool any;
};

static void put(struct out *o, const char *p, size_t n)
{
	if (!o->name) {
		fwrite(p, 1, n, o->file);
		return;
	}
	for (size_t i = 0; i < n; i++) fprintf(o->file, "%d,%s", (unsigned char)p[i], o->n++ % 24 == 23 ? "\n" : "");
}

static void put_text(struct out *o, const char *s)
{
	put(o, s, strlen(s));
}

static void put_string(struct out *o, const char *p, size_t n)
{
	char escape[8];
	put_text(o, "\"");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		else
			snprintf(escape, sizeof(escape), "%c", c);
		put_text(o, escape);
	}
	put_text(o, "\"");
}

/* As JSON writes numbers: -?(0|[1-9][0-9]*)(\.[0-9]+)? */
static bool is_number(const char *s)
{
	if (*s == '-') s++;
	if (*s == '0' && s[1] >= '0' && s[1] <= '9') return false;
	size_t digits = strspn(s, "0123456789");
	s += digits;
	if (!digits) return false;
	if (*s == '.') {
		digits = strspn(++s, "0123456789");
		s += digits;
		if (!digits) return false;
	}
	return !*s;
}

static bool is_literal(const char *s)
{
	return !*s || !strcmp(s, "null") || !strcmp(s, "true") || !strcmp(s, "false") || is_number(s);
}

/* What stands before a value: nothing, a comma or a colon. Returns whether the value is a key. */
static bool put_before(struct out *o, struct level *l)
{
	if (!l) return false;
	if (l->mapping && l->value_next) {
		put_text(o, ":");
		l->value_next = false;
		return false;
	}
	if (l->any) put_text(o, ",");
	l->any = true;
	l->value_next = l->mapping;
	return l->mapping;
}

static const char *put_scalar(struct out *o, struct level *l, const yaml_event_t *e)
{
	const char *s = (const char *)e->data.scalar.value;
	if (e->data.scalar.anchor || e->data.scalar.tag) return "an anchor or a tag";
	bool key = put_before(o, l);
	if (!key && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && is_literal(s))
		put_text(o, *s ? s : "null");
	else
		put_string(o, s, e->data.scalar.length);
	return NULL;
}

struct walk {
	struct out out;
	struct level levels[DEPTH];
	size_t depth;
	bool done; /* the document is over */
};

static struct level *walk_top(struct walk *w)
{
	return w->depth ? &w->levels[w->depth - 1] : NULL;
}

static const char *walk_open(struct walk *w, bool mapping, bool plain)
{
	if (!plain) return "an anchor or a tag";
	if (w->depth == DEPTH) return "too deep";
	if (put_before(&w->out, walk_top(w))) return "a key that is no scalar";
	put_text(&w->out, mapping ? "{" : "[");
	w->levels[w->depth++] = (struct level){ .mapping = mapping };
	return NULL;
}

/* Returns what is wrong with the event, or NULL. */
static const char *walk_event(struct walk *w, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT: return w->done ? "a second document" : NULL;
	case YAML_DOCUMENT_END_EVENT: w->done = true; return NULL;
	case YAML_SCALAR_EVENT: return put_scalar(&w->out, walk_top(w), e);
	case YAML_MAPPING_START_EVENT:
		return walk_open(w, true, !e->data.mapping_start.anchor && !e->data.mapping_start.tag);
	case YAML_SEQUENCE_START_EVENT:
		return walk_open(w, false, !e->data.sequence_start.anchor && !e->data.sequence_start.tag);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT: put_text(&w->out, w->levels[--w->depth].mapping ? "}" : "]"); return NULL;
	case YAML_ALIAS_EVENT: return "an alias";
	default: return NULL;
	}
}

static bool convert(FILE *in, const char *path, struct walk *w)
{
	yaml_parser_t parser;
	bool end = false;
	const char *fault = NULL;
	if (!yaml_parser_initialize(&parser)) abort();
	yaml_parser_set_input_file(&parser, in);
	while (!end && !fault) {
		yaml_event_t e;
		if (!yaml_parser_parse(&parser, &e)) {
			fprintf(stderr, "%s:%zu: %s\n", path, parser.problem_mark.line + 1, parser.problem);
			yaml_parser_delete(&parser);
			return false;
		}
		end = e.type == YAML_STREAM_END_EVENT;
		fault = walk_event(w, &e);
		if (fault) fprintf(stderr, "%s:%zu: %s\n", path, e.start_mark.line + 1, fault);
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	return !fault;
}

int main(int argc, char **argv)
{
	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: yaml2json FILE [NAME]\n");
		return 2;
	}
	FILE *in = fopen(argv[1], "rb");
	if (!in) {
		perror(argv[1]);
		return 1;
	}
	static struct walk w;
	w.out = (struct out){ .file = stdout, .name = argc == 3 ? argv[2] : NULL };
	if (w.out.name)
		printf("/* Made from %s at build time. */\n#include <stddef.h>\nextern const char %s[];\nextern const size_t "
			   "%s_n;\n"
			   "const char %s[] = {\n",
			   argv[1], w.out.name, w.out.name, w.out.name);
	bool ok = convert(in, argv[1], &w);
	fclose(in);
	if (w.out.name) printf("0 };\nconst size_t %s_n = sizeof(%s) - 1;\n", w.out.name, w.out.name);
	return ok && fflush(stdout) == 0 ? 0 : 1;
}
