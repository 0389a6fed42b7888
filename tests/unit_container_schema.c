/* unit_container_schema.c – the schema text is read whole, its rules are found by path, and a wrong schema is refused with its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "container/object.h"
#include "container/schema.h"
#include "container_sample.h"

static void the_programs_schema_is_sound(void **state)
{
	(void)state;
	c5_schema *s;
	if (c5_schema_read(&s, "container.yml", c5_schema_text()) < 0) fail_msg("%s", c5_error_last());
	assert_string_equal(s->version, C5_SCHEMA_VERSION);
	assert_true(s->n > 40);
	for (size_t i = 0; i < s->n; i++) {
		const c5_rule *r = &s->rules[i];
		assert_ptr_equal(c5_schema_match(s, r->path), r); /* every rule can be reached, none is there twice */
		if (r->kind == C5_KIND_ARRAY || r->kind == C5_KIND_SCALE) assert_true(r->ranks && r->dtypes[0]);
		if (r->kind == C5_KIND_TABLE) assert_true(r->n_columns > 0);
		if (r->kind == C5_KIND_LINK) assert_non_null(r->target);
		size_t names = 0, most = 0;
		while (r->axes[names]) names++;
		for (size_t k = 0; k < 32; k++)
			if (r->ranks & 1u << k) most = k;
		if (names) assert_int_equal(names, most);
	}
	c5_schema_free(s);
}

static void paths_find_their_rules(void **state)
{
	(void)state;
	static const struct { const char *path, *rule; } cases[] = {
		{ "/", "/" },
		{ "/experiments/A01", "/experiments/{experiment}" },
		{ "/experiments/r000001", "/experiments/{experiment}" },
		{ "/experiments/A01/raw/phase", "/experiments/{experiment}/raw/{channel}" },
		{ "/experiments/A01/raw/time", "/experiments/{experiment}/raw/time" },
		{ "/experiments/raw/raw/raw", "/experiments/{experiment}/raw/{channel}" },
		{ "/experiments/A01/masks/r000001", "/experiments/{experiment}/masks/{revision}" },
		{ "/experiments/A01/masks/latest", "/experiments/{experiment}/masks/latest" },
		{ "/experiments/A01/masks/notes", NULL },
		{ "/experiments/A01/masks/r0001", NULL },
		{ "/experiments/A01/crops/r000002/index", "/experiments/{experiment}/crops/{revision}/index" },
		{ "/experiments/A01/crops/r000002/index/more", NULL },
		{ "/runs/r000001/inputs", "/runs/{revision}/inputs" },
		{ "/mine", NULL },
		{ "", NULL },
		{ "/experiments/", NULL },
	};
	c5_schema *s;
	MUST(c5_schema_read(&s, "container.yml", c5_schema_text()));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const c5_rule *r = c5_schema_match(s, cases[i].path);
		if (!cases[i].rule != !r || (r && strcmp(r->path, cases[i].rule) != 0))
			fail_msg("%s: rule %s, expected %s", cases[i].path, r ? r->path : "none", cases[i].rule ? cases[i].rule : "none");
	}
	c5_schema_free(s);
}

static void types_are_allowed_by_name_and_by_class(void **state)
{
	(void)state;
	static const char *const whole[] = { "whole", NULL }, *const number[] = { "number", NULL }, *const some[] = { "uint8", "text", NULL },
		*const real[] = { "real", NULL };
	assert_true(c5_schema_allows(whole, "uint64") && c5_schema_allows(whole, "int8") && c5_schema_allows(whole, "whole"));
	assert_false(c5_schema_allows(whole, "float32") || c5_schema_allows(whole, "text") || c5_schema_allows(whole, "real"));
	assert_true(c5_schema_allows(number, "float64") && c5_schema_allows(number, "uint8"));
	assert_true(c5_schema_allows(real, "float32") && c5_schema_allows(real, "real"));
	assert_false(c5_schema_allows(real, "int32"));
	assert_true(c5_schema_allows(some, "text") && c5_schema_allows(some, "uint8"));
	assert_false(c5_schema_allows(some, "uint16"));
}

static void a_wrong_schema_is_refused_with_its_place(void **state)
{
	(void)state;
	static const struct { const char *text, *error; } cases[] = {
		{ "", "a map is expected" },
		{ "format: other\nversion: 1\nobjects: []\n", "no schema" },
		{ "format: cyto5\nversion: 1\n", "no schema" },
		{ "format: cyto5\nversion: 1\nobjects: []\nmore: 1\n", "s:4:1: more: unknown key" },
		{ "format: cyto5\nversion: 1\nobjects:\n- path: /\n  kind: thing\n  doc: x\n", "s:5:9: thing: unknown kind" },
		{ "format: cyto5\nversion: 1\nobjects:\n- path: a\n  kind: group\n  doc: x\n", "path, kind and doc" },
		{ "format: cyto5\nversion: 1\nobjects:\n- path: /\n  kind: group\n  dok: x\n", "s:6:3: dok: unknown key" },
		{ "format: cyto5\nversion: 1\nobjects:\n- path: /\n  kind: group\n  doc: x\n  attributes:\n    a: { doc: x }\n", "a: type and doc are expected" },
		{ "format: cyto5\nversion: 1\nobjects:\n- path: /\n  kind: array\n  doc: x\n  rank: [99]\n", "rank 99" },
		{ "format: cyto5\nversion: 1\nobjects:\n- path: /\n  kind: array\n  doc: x\n  rank: [two]\n", "'two'" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		c5_schema *s;
		assert_true(c5_schema_read(&s, "s", cases[i].text) < 0);
		assert_null(s);
		if (!strstr(c5_error_last(), cases[i].error)) fail_msg("'%s', expected '%s'", c5_error_last(), cases[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_programs_schema_is_sound),
		cmocka_unit_test(paths_find_their_rules),
		cmocka_unit_test(types_are_allowed_by_name_and_by_class),
		cmocka_unit_test(a_wrong_schema_is_refused_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
