/* unit_base_yaml.c – the tree, its refusals with their places, and option structs through YAML and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"
#include "base/yaml.h"

struct seg { double sigma, limit; char *method; int64_t min_area, most; bool fill; char *title; char **input, **paths; };
static const c5_opt seg_opts[] = {
	{ "method", C5_OPT_CHOICE, offsetof(struct seg, method), "otsu", 0, 0, NULL, "otsu|percentile|deviation", "threshold" },
	{ "sigma", C5_OPT_REAL, offsetof(struct seg, sigma), "1.5", 0, 100, "px", NULL, "blur" },
	{ "limit", C5_OPT_REAL, offsetof(struct seg, limit), NULL, 1, 2, NULL, NULL, "unset is 0, out of its range" },
	{ "min-area", C5_OPT_INT, offsetof(struct seg, min_area), "50", 0, 1e9, "px", NULL, "drop smaller" },
	{ "most", C5_OPT_INT, offsetof(struct seg, most), NULL, 1, 10, NULL, NULL, "unset is 0, out of its range" },
	{ "fill", C5_OPT_BOOL, offsetof(struct seg, fill), "true", 0, 0, NULL, NULL, "fill holes" },
	{ "title", C5_OPT_TEXT, offsetof(struct seg, title), NULL, 0, 0, NULL, NULL, "free text" },
	{ "input", C5_OPT_LIST, offsetof(struct seg, input), "a,b", 0, 0, NULL, "FILE", "what to read" },
	{ "paths", C5_OPT_LIST, offsetof(struct seg, paths), NULL, 0, 0, NULL, "FILE", "more to read" },
	{ 0 },
};

static c5_yaml *parsed(const char *text)
{
	c5_yaml *doc = NULL;
	int err = c5_yaml_parse(&doc, "t.yml", text, strlen(text));
	if (err < 0) fail_msg("%s", c5_error_last());
	return doc;
}

static void refused(const char *text, size_t size, const char *message)
{
	c5_yaml *doc = NULL;
	assert_int_equal(c5_yaml_parse(&doc, "t.yml", text, size), C5_EUSAGE);
	assert_null(doc);
	assert_string_equal(c5_error_last(), message);
}

static void tree_knows_kinds_and_places(void **state)
{
	(void)state;
	c5_yaml *doc = parsed("a: 1 # comment\nb_c: [x, \"2\", ~]\nd:\n  e: 'it''s'\n  f:\n? g\n: |\n  two\n  lines\nh: \"\"\n");
	const c5_yaml_node *top = c5_yaml_root(doc), *list = c5_yaml_get(top, "b-c"), *e = c5_yaml_get(c5_yaml_get(top, "d"), "e");
	assert_int_equal(top->kind, C5_YAML_MAP);
	assert_int_equal(top->n, 5);
	assert_int_equal(list->kind, C5_YAML_LIST);
	assert_int_equal(list->n, 3);
	assert_string_equal(list->items[1]->text, "2");
	assert_int_equal(list->items[2]->kind, C5_YAML_NULL);
	assert_true(list->items[1]->line == 2 && list->items[1]->column == 10);
	assert_string_equal(e->text, "it's");
	assert_true(e->line == 4 && e->column == 6);
	assert_int_equal(c5_yaml_get(c5_yaml_get(top, "d"), "f")->kind, C5_YAML_NULL);
	assert_string_equal(c5_yaml_get(top, "g")->text, "two\nlines\n");
	assert_int_equal(c5_yaml_get(top, "h")->kind, C5_YAML_SCALAR);
	assert_null(c5_yaml_get(top, "z"));
	assert_null(c5_yaml_get(list, "z"));
	assert_null(c5_yaml_get(NULL, "z"));
	c5_yaml_free(doc);
	c5_yaml_free(NULL);
	doc = parsed("");
	assert_int_equal(c5_yaml_root(doc)->kind, C5_YAML_NULL);
	c5_yaml_free(doc);
}

static void scalars_read_as_numbers_or_say_where_not(void **state)
{
	(void)state;
	c5_yaml *doc = parsed("i: -12\nr: 2.5e3\nb: Yes\nt: word\nm: {}\nn:\n");
	const c5_yaml_node *top = c5_yaml_root(doc), *t = c5_yaml_get(top, "t"), *m = c5_yaml_get(top, "m"), *n = c5_yaml_get(top, "n");
	int64_t i = 0;
	double r = 0;
	bool b = false;
	const char *s = NULL;
	assert_true(c5_yaml_int(&i, c5_yaml_get(top, "i")) == C5_OK && i == -12);
	assert_true(c5_yaml_real(&r, c5_yaml_get(top, "r")) == C5_OK && r == 2500);
	assert_true(c5_yaml_bool(&b, c5_yaml_get(top, "b")) == C5_OK && b);
	assert_true(c5_yaml_text(&s, t) == C5_OK && strcmp(s, "word") == 0);
	assert_int_equal(c5_yaml_int(&i, t), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "t.yml:4:4: 'word' is no whole number");
	assert_int_equal(c5_yaml_real(&r, m), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "t.yml:5:4: a number is expected, found a map");
	assert_int_equal(c5_yaml_text(&s, n), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "t.yml:6:3: a text is expected, found nothing");
	assert_int_equal(c5_yaml_bool(&b, t), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "t.yml:4:4: 'word' is neither true nor false");
	c5_yaml_free(doc);
}

static void what_is_not_taken_is_refused_with_its_place(void **state)
{
	(void)state;
	static const struct { const char *text, *message; } cases[] = {
		{ "a: 1\nb: 2\na: 3\n", "t.yml:3:1: a: given twice, first in line 1" },
		{ "a: &x 1\nb: *x\n", "t.yml:1:4: anchors (&name) are not taken; write the value out where it is used" },
		{ "a: [1, *x]\n", "t.yml:1:8: aliases (*name) are not taken; write the value out" },
		{ "a: !!python/object x\n", "t.yml:1:4: tags (!name) are not taken; write the plain value" },
		{ "[a, b]: 1\n", "t.yml:1:1: a key must be a plain word, found a sequence" },
		{ "a: 1\n---\nb: 2\n", "t.yml:2:1: a second document begins here; one a file is taken" },
		{ "a:\n\tb: 1\n", "t.yml:2:1: a tab in the indentation; indent with spaces" },
		{ "a: \"x\\0y\"\n", "t.yml:1:4: a text with a NUL character in it" },
		{ "a: [1, 2\nb: 3\n", "t.yml:2:2: did not find expected ',' or ']' (while parsing a flow sequence from line 1)" },
		{ "a: \"open\n", "t.yml:2:1: found unexpected end of stream (while scanning a quoted scalar from line 1)" },
		{ "a: b: c\n", "t.yml:1:5: mapping values are not allowed in this context" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) refused(cases[i].text, strlen(cases[i].text), cases[i].message);
	refused("a: \xff\xfe", 5, "t.yml: byte 3: no YAML text: invalid leading UTF-8 octet");
	refused("\x89HDF\r\n\x1a\n", 8, "t.yml: byte 0: no YAML text: invalid leading UTF-8 octet");
}

static void depth_size_and_number_are_bounded(void **state)
{
	(void)state;
	enum { DEEP = 100000 };
	char *text = calloc(1, 2u * C5_YAML_NODES_MAX + 100);
	memset(text, '[', DEEP);
	refused(text, DEEP, "t.yml:1:33: nested deeper than 32 levels");
	for (int i = 0; i < DEEP; i++) memcpy(text + 2 * i, "- ", 2);
	refused(text, DEEP, "t.yml:1:65: nested deeper than 32 levels");
	for (int i = 0; i < DEEP; i++) memcpy(text + 2 * i, "? ", 2);
	refused(text, DEEP, "t.yml:1:65: nested deeper than 32 levels");
	text[0] = '[';
	for (int i = 0; i < C5_YAML_NODES_MAX; i++) memcpy(text + 1 + 2 * i, "1,", 2);
	c5_yaml *doc = NULL;
	assert_int_equal(c5_yaml_parse(&doc, "t.yml", text, 2u * C5_YAML_NODES_MAX), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), "the file holds more than a million values"));
	free(text);
	text = calloc(1, C5_YAML_BYTES_MAX + 1);
	memset(text, ' ', C5_YAML_BYTES_MAX + 1);
	refused(text, C5_YAML_BYTES_MAX + 1, "t.yml: longer than 16 MiB, which is no configuration");
	free(text);
	assert_int_equal(c5_yaml_read(&doc, "/dev/zero"), C5_EUSAGE); /* ends although the file does not */
	assert_string_equal(c5_error_last(), "/dev/zero: longer than 16 MiB, which is no configuration");
}

static void files_that_cannot_be_read_are_named(void **state)
{
	(void)state;
	c5_yaml *doc = NULL;
	assert_int_equal(c5_yaml_read(&doc, "/nowhere/pipe.yml"), C5_ENOTFOUND);
	assert_string_equal(c5_error_last(), "/nowhere/pipe.yml: cannot be opened: No such file or directory");
	assert_int_equal(c5_yaml_read(&doc, "/"), C5_EIO);
	assert_null(doc);
	char path[] = "/tmp/c5_yaml_XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: 1\n", 5), 5);
	close(fd);
	assert_int_equal(c5_yaml_read(&doc, path), C5_OK);
	assert_string_equal(c5_yaml_get(c5_yaml_root(doc), "a")->text, "1");
	c5_yaml_free(doc);
	unlink(path);
}

static int applied(struct seg *s, const char *text)
{
	memset(s, 0, sizeof *s);
	assert_int_equal(c5_opt_defaults(seg_opts, s), C5_OK);
	c5_yaml *doc = parsed(text);
	int err = c5_yaml_apply(seg_opts, s, c5_yaml_root(doc));
	c5_yaml_free(doc);
	return err;
}

static void maps_fill_option_structs(void **state)
{
	(void)state;
	struct seg s;
	assert_int_equal(applied(&s, "method: deviation\nmin_area: 7\nfill: no\ntitle: 5\ninput: [x, 'y, z']\npaths: one\nlimit: ~\nmost:\n"), C5_OK);
	assert_string_equal(s.method, "deviation");
	assert_true(s.sigma == 1.5 && s.min_area == 7 && !s.fill && s.limit == 0 && s.most == 0);
	assert_string_equal(s.title, "5");
	assert_string_equal(s.input[0], "x");
	assert_string_equal(s.input[1], "y, z");
	assert_null(s.input[2]);
	assert_string_equal(s.paths[0], "one");
	c5_opt_clear(seg_opts, &s);
	assert_int_equal(applied(&s, "method: null\ninput: []\n"), C5_OK);
	assert_true(!s.method && !s.input);
	c5_opt_clear(seg_opts, &s);
	assert_int_equal(applied(&s, ""), C5_OK);
	assert_string_equal(s.method, "otsu");
	c5_opt_clear(seg_opts, &s);
}

static void wrong_settings_are_refused_with_their_place(void **state)
{
	(void)state;
	static const struct { const char *text, *message; } cases[] = {
		{ "\nsigmaa: 1\n", "t.yml:2:1: sigmaa: unknown key; did you mean sigma?" },
		{ "zzzzzz: 1\n", "t.yml:1:1: zzzzzz: unknown key; known are method, sigma, limit, min-area, most, fill, title, input, paths" },
		{ "sigma: 900\n", "t.yml:1:8: sigma: 900 px is out of range 0..100" },
		{ "sigma: [1]\n", "t.yml:1:8: sigma: a number is expected, found a sequence" },
		{ "sigma:\n", "t.yml:1:7: sigma: a number is expected, found nothing" },
		{ "min-area: 1.5\n", "t.yml:1:11: min-area: '1.5' is no whole number" },
		{ "fill: {a: 1}\n", "t.yml:1:7: fill: true or false is expected, found a map" },
		{ "title: {a: 1}\n", "t.yml:1:8: title: a text is expected, found a map" },
		{ "method: otzu\n", "t.yml:1:9: method: 'otzu' is not one of otsu, percentile, deviation; did you mean otsu?" },
		{ "input:\n  - a\n  - [b]\n", "t.yml:3:5: input: a sequence of texts is expected, found a sequence" },
		{ "input: [a, ~]\n", "t.yml:1:12: input: a sequence of texts is expected, found nothing" },
		{ "min-area: 1\nmin_area: 2\n", "t.yml:2:1: min-area: given twice, first in line 1" },
		{ "- 1\n", "t.yml:1:1: a map of settings is expected, found a sequence" },
		{ "hello\n", "t.yml:1:1: a map of settings is expected, found 'hello'" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct seg s;
		assert_int_equal(applied(&s, cases[i].text), C5_EUSAGE);
		assert_string_equal(c5_error_last(), cases[i].message);
		c5_opt_clear(seg_opts, &s);
	}
}

static void same(const struct seg *s)
{
	c5_buf b = { 0 };
	struct seg t;
	c5_yaml_add_options(&b, 4, seg_opts, s);
	char *text = c5_text_take(&b);
	assert_int_equal(applied(&t, text), C5_OK);
	for (const c5_opt *row = seg_opts; row->name; row++) {
		char *x = c5_opt_get(row, s), *y = c5_opt_get(row, &t);
		if (!x || !y) assert_true(x == y);
		else assert_string_equal(x, y);
		free(x);
		free(y);
	}
	free(text);
	c5_opt_clear(seg_opts, &t);
}

static void written_options_read_back_the_same(void **state)
{
	(void)state;
	static const char *const titles[] = {
		"plain", "two words", "", "null", "~", "yes", "5", "-1e3", "a: b", "#no", "- x", "[", "{a", "'", "\"q\"", "back\\slash", " lead", "trail ",
		"line\nbreak\n", "tab\t", "caf\xc3\xa9", "\xf0\x9f\xa6\xa0", "\xc2\x85nel\xe2\x80\xa8ls", "\x01\x1b[2J\x7f", "\xef\xbb\xbf" "bom", "\xef\xbf\xbe",
		"!t", "&a", "*a", "%d", "@x", "`x", "/tmp/a b.tif", "a,b",
	};
	struct seg s = { 0 };
	assert_int_equal(c5_opt_defaults(seg_opts, &s), C5_OK);
	same(&s);
	for (size_t i = 0; i < sizeof titles / sizeof *titles; i++) {
		assert_int_equal(c5_opt_set(seg_opts, &s, "title", titles[i]), C5_OK);
		assert_int_equal(c5_opt_set(seg_opts, &s, "paths", titles[i]), C5_OK);
		same(&s);
	}
	c5_opt_clear(seg_opts, &s); /* all unset, also where the table has a default for text */
	s.sigma = 0.1 + 0.2;
	s.min_area = 1;
	s.most = 3;
	same(&s);
	assert_int_equal(c5_opt_set(seg_opts, &s, "title", "bad \xff byte"), C5_OK);
	c5_buf b = { 0 };
	c5_yaml_add_options(&b, 0, seg_opts, &s);
	char *text = c5_text_take(&b);
	assert_string_equal(text,
		"method: null\nsigma: 0.30000000000000004\nlimit: null # default\nmin-area: 1\nmost: 3\nfill: false\ntitle: \"bad \\uFFFD byte\"\n"
	                          "input: []\npaths: [] # default\n");
	free(text);
	c5_opt_clear(seg_opts, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_knows_kinds_and_places),
		cmocka_unit_test(scalars_read_as_numbers_or_say_where_not),
		cmocka_unit_test(what_is_not_taken_is_refused_with_its_place),
		cmocka_unit_test(depth_size_and_number_are_bounded),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(maps_fill_option_structs),
		cmocka_unit_test(wrong_settings_are_refused_with_their_place),
		cmocka_unit_test(written_options_read_back_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
