/* unit_pipeline_pipeline.c – pipeline files read, refused and written back; and a table of broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/yaml.h"
#include "pipeline/pipeline.h"

struct ingest { double pixel_size; char *channel; };
static const c5_opt ingest_opts[] = {
	{ "pixel-size", C5_OPT_REAL, offsetof(struct ingest, pixel_size), NULL, 0.001, 1000, "um", NULL, "edge of a pixel" },
	{ "channel", C5_OPT_TEXT, offsetof(struct ingest, channel), "phase", 0, 0, NULL, NULL, "name of the channel" },
	{ 0 },
};
struct segment { char *method; int64_t min_area; bool fill; };
static const c5_opt segment_opts[] = {
	{ "method", C5_OPT_CHOICE, offsetof(struct segment, method), "otsu", 0, 0, NULL, "otsu|deviation", "threshold" },
	{ "min-area", C5_OPT_INT, offsetof(struct segment, min_area), "50", 0, 1e9, "px", NULL, "drop smaller" },
	{ "fill", C5_OPT_BOOL, offsetof(struct segment, fill), "true", 0, 0, NULL, NULL, "fill holes" },
	{ 0 },
};
static const c5_opt no_opts[] = { { 0 } };
static const c5_step_kind ingest_kind = { "ingest", "take images in", ingest_opts, sizeof(struct ingest), 1, NULL };
static const c5_step_kind segment_kind = { "segment", "find cells", segment_opts, sizeof(struct segment), 2, "ingest" };
static const c5_step_kind objects_kind = { "objects", "measure cells", no_opts, 0, 1, "segment" };
static const c5_step_kind *const kinds[] = { &ingest_kind, &segment_kind, &objects_kind, NULL };

static const char good[] =
	"title: T98G phase contrast, first look     # a comment\n"
	"seed: 7\n"
	"container: plate.h5\n"
	"inputs: [a.tif, 'b c.tif']\n"
	"commit_every_s: 2.5\n"
	"steps:\n"
	"  - ingest: {pixel-size: 0.87}\n"
	"  - segment:\n"
	"      method: deviation\n"
	"      min_area: 9\n"
	"  - segment\n"
	"  - objects:\n";

static void check_good(const c5_pipeline *p)
{
	assert_string_equal(p->title, "T98G phase contrast, first look");
	assert_true(p->seed == 7 && p->commit_every_s == 2.5);
	assert_string_equal(p->container, "plate.h5");
	assert_string_equal(p->inputs[0], "a.tif");
	assert_string_equal(p->inputs[1], "b c.tif");
	assert_null(p->inputs[2]);
	assert_int_equal(p->n, 4);
	assert_ptr_equal(p->steps[0].kind, &ingest_kind);
	assert_ptr_equal(p->steps[1].kind, &segment_kind);
	assert_ptr_equal(p->steps[3].kind, &objects_kind);
	const struct ingest *ingest = p->steps[0].params;
	const struct segment *first = p->steps[1].params, *second = p->steps[2].params;
	assert_true(ingest->pixel_size == 0.87);
	assert_string_equal(ingest->channel, "phase");
	assert_string_equal(first->method, "deviation");
	assert_true(first->min_area == 9 && first->fill);
	assert_string_equal(second->method, "otsu");
	assert_int_equal(second->min_area, 50);
}

static void a_good_file_is_read_with_defaults(void **state)
{
	(void)state;
	c5_pipeline p;
	assert_int_equal(c5_pipeline_parse(&p, "pipe.yml", good, strlen(good), kinds), C5_OK);
	check_good(&p);
	assert_int_equal(p.steps[0].line, 7);
	assert_int_equal(p.steps[2].line, 11);
	assert_ptr_equal(c5_pipeline_find(&p, "segment", 0), &p.steps[1]);
	assert_ptr_equal(c5_pipeline_find(&p, "segment", 2), &p.steps[2]);
	assert_null(c5_pipeline_find(&p, "segment", 3));
	c5_pipeline_free(&p);
	static const char least[] = "steps: [objects]\n"; /* what it needs may be in the container */
	assert_int_equal(c5_pipeline_parse(&p, "pipe.yml", least, strlen(least), kinds), C5_OK);
	assert_true(!p.title && p.seed == 1 && !p.container && !p.inputs && p.commit_every_s == 60 && p.n == 1);
	c5_pipeline_free(&p);
}

static void the_written_text_reads_back_the_same(void **state)
{
	(void)state;
	c5_pipeline p, q;
	assert_int_equal(c5_pipeline_parse(&p, "pipe.yml", good, strlen(good), kinds), C5_OK);
	char *text = c5_pipeline_text(&p);
	assert_string_equal(text,
		"title: \"T98G phase contrast, first look\"\nseed: 7\ncontainer: plate.h5\ninputs:\n  - a.tif\n  - \"b c.tif\"\ncommit-every-s: 2.5\nsteps:\n"
		"  - ingest: # version 1\n      pixel-size: 0.87\n      channel: phase # default\n"
		"  - segment: # version 2\n      method: deviation\n      min-area: 9\n      fill: true # default\n"
		"  - segment: # version 2\n      method: otsu # default\n      min-area: 50 # default\n      fill: true # default\n"
		"  - objects: # version 1\n");
	assert_int_equal(c5_pipeline_parse(&q, "record", text, strlen(text), kinds), C5_OK);
	check_good(&q);
	char *again = c5_pipeline_text(&q);
	assert_string_equal(text, again);
	free(text);
	free(again);
	c5_pipeline_free(&p);
	c5_pipeline_free(&q);
	assert_int_equal(c5_pipeline_init(&p), C5_OK); /* built by hand, all unset */
	c5_step *step = NULL;
	assert_int_equal(c5_pipeline_add(&p, &ingest_kind, &step), C5_OK);
	assert_int_equal(c5_opt_set(ingest_opts, step->params, "channel", "null: [x"), C5_OK);
	text = c5_pipeline_text(&p);
	assert_int_equal(c5_pipeline_parse(&q, "record", text, strlen(text), kinds), C5_OK);
	assert_string_equal(((struct ingest *)q.steps[0].params)->channel, "null: [x");
	assert_true(((struct ingest *)q.steps[0].params)->pixel_size == 0);
	free(text);
	c5_pipeline_free(&p);
	c5_pipeline_free(&q);
}

static void broken(const char *text, size_t size, const char *message)
{
	c5_pipeline p;
	int err = c5_pipeline_parse(&p, "pipe.yml", text, size, kinds);
	assert_int_equal(err, C5_EUSAGE);
	assert_string_equal(c5_error_last(), message);
	c5_pipeline_free(&p);
}

static void broken_files_are_refused_with_their_place(void **state)
{
	(void)state;
	static const struct { const char *text, *message; } cases[] = {
		{ "", "pipe.yml:1:1: a map with the key steps is expected, found nothing" },
		{ "# only a comment\n", "pipe.yml:1:1: a map with the key steps is expected, found nothing" },
		{ "hello", "pipe.yml:1:1: a map with the key steps is expected, found 'hello'" },
		{ "- segment\n", "pipe.yml:1:1: a map with the key steps is expected, found a sequence" },
		{ "seed: 1\n", "pipe.yml:1:1: steps: missing; a sequence of one step or more is expected" },
		{ "steps:\n", "pipe.yml:1:7: steps: a sequence of one step or more is expected, found nothing" },
		{ "steps: []\n", "pipe.yml:1:8: steps: a sequence of one step or more is expected, found an empty one" },
		{ "steps: segment\n", "pipe.yml:1:8: steps: a sequence of one step or more is expected, found 'segment'" },
		{ "steps: {segment: {}}\n", "pipe.yml:1:8: steps: a sequence of one step or more is expected, found a map" },
		{ "step:\n  - segment\n", "pipe.yml:1:1: step: unknown key; did you mean steps?" },
		{ "sede: 1\nsteps: [segment]\n", "pipe.yml:1:1: sede: unknown key; did you mean seed?" },
		{ "zzzzzz: 1\nsteps: [segment]\n", "pipe.yml:1:1: zzzzzz: unknown key; known are steps, title, seed, container, inputs, commit-every-s" },
		{ "seed: many\nsteps: [segment]\n", "pipe.yml:1:7: seed: 'many' is no whole number" },
		{ "seed: -1\nsteps: [segment]\n", "pipe.yml:1:7: seed: -1 is out of range 0..9007199254740992" },
		{ "commit-every-s: 0\nsteps: [segment]\n", "pipe.yml:1:17: commit-every-s: 0 s is out of range 0.1..86400" },
		{ "inputs: {a: b}\nsteps: [segment]\n", "pipe.yml:1:9: inputs: a sequence of texts is expected, found a map" },
		{ "steps:\n  - segmetn: {}\n", "pipe.yml:2:5: segmetn: unknown step; did you mean segment?" },
		{ "steps:\n  - segmetn\n", "pipe.yml:2:5: segmetn: unknown step; did you mean segment?" },
		{ "steps:\n  - zzzzzz\n", "pipe.yml:2:5: zzzzzz: unknown step; known are ingest, segment, objects" },
		{ "steps:\n  - segment: {methud: otsu}\n", "pipe.yml:2:15: methud: unknown key; did you mean method?" },
		{ "steps:\n  - segment: {method: otzu}\n", "pipe.yml:2:23: method: 'otzu' is not one of otsu, deviation; did you mean otsu?" },
		{ "steps:\n  - segment: {fill: 2}\n", "pipe.yml:2:21: fill: '2' is neither true nor false" },
		{ "steps:\n  - segment: otsu\n", "pipe.yml:2:14: a map of settings is expected, found 'otsu'" },
		{ "steps:\n  - segment: [otsu]\n", "pipe.yml:2:14: a map of settings is expected, found a sequence" },
		{ "steps:\n  - objects: {a: 1}\n", "pipe.yml:2:15: a: unknown key; none is taken here" },
		{ "steps:\n  - segment:\n    method: otsu\n",
		  "pipe.yml:3:5: segment: a step is one name with its settings indented below it, found segment and method side by side" },
		{ "steps:\n  - {}\n", "pipe.yml:2:5: a step is expected (`- segment: {method: otsu}`), found an empty map" },
		{ "steps:\n  -\n", "pipe.yml:2:4: a step is expected (`- segment: {method: otsu}`), found nothing" },
		{ "steps:\n  - [segment]\n", "pipe.yml:2:5: a step is expected (`- segment: {method: otsu}`), found a sequence" },
		{ "steps:\n  - objects\n  - segment\n", "pipe.yml:2:5: objects: needs segment before it, found behind it in line 3" },
		{ "steps: [segment]\nsteps: [segment]\n", "pipe.yml:2:1: steps: given twice, first in line 1" },
		{ "steps:\n  - segment: {min-area: 1, min_area: 1}\n", "pipe.yml:2:28: min-area: given twice, first in line 2" },
		{ "steps:\n\t- segment\n", "pipe.yml:2:1: a tab in the indentation; indent with spaces" },
		{ "steps:\n  - segment:\n\t\tmethod: otsu\n", "pipe.yml:3:1: a tab in the indentation; indent with spaces" },
		{ "steps: [segment\n", "pipe.yml:2:1: did not find expected ',' or ']' (while parsing a flow sequence from line 1)" },
		{ "steps:\n  - segment: {method: \"otsu}\n", "pipe.yml:3:1: found unexpected end of stream (while scanning a quoted scalar from line 2)" },
		{ "title: a: b\nsteps: [segment]\n", "pipe.yml:1:9: mapping values are not allowed in this context" },
		{ "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\nsteps: [segment]\n",
		  "pipe.yml:1:4: anchors (&name) are not taken; write the value out where it is used" },
		{ "steps: [segment]\n--- \nsteps: [objects]\n", "pipe.yml:2:1: a second document begins here; one a file is taken" },
		{ "steps: [!!map segment]\n", "pipe.yml:1:9: tags (!name) are not taken; write the plain value" },
		{ "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{", "pipe.yml:1:33: nested deeper than 32 levels" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) broken(cases[i].text, strlen(cases[i].text), cases[i].message);
	static const char binary[] = "\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10";
	broken(binary, sizeof binary - 1, "pipe.yml: byte 0: no YAML text: invalid leading UTF-8 octet");
	static const char zeros[64];
	broken(zeros, sizeof zeros, "pipe.yml: byte 0: no YAML text: control characters are not allowed");
}

static void files_too_long_or_absent_are_named(void **state)
{
	(void)state;
	char path[] = "/tmp/c5_pipeline_XXXXXX";
	int fd = mkstemp(path);
	c5_pipeline p;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	assert_int_equal(c5_pipeline_read(&p, path, kinds), C5_EUSAGE);
	assert_non_null(strstr(c5_error_last(), ": longer than 16 MiB, which is no configuration"));
	c5_pipeline_free(&p);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(write(fd, good, strlen(good)), strlen(good));
	close(fd);
	assert_int_equal(c5_pipeline_read(&p, path, kinds), C5_OK);
	check_good(&p);
	c5_pipeline_free(&p);
	unlink(path);
	assert_int_equal(c5_pipeline_read(&p, path, kinds), C5_ENOTFOUND);
	c5_pipeline_free(&p);
}

/* Every cut and every single changed byte of a good file ends in a pipeline or in one line of error, never in anything else. */
static void damaged_files_never_do_harm(void **state)
{
	(void)state;
	static const char junk[] = { '\0', '\t', '\n', '"', '\'', '{', ']', ':', '-', '*', '&', '!', '?', '|', '#', '\x80', '\xff' };
	char text[sizeof good];
	c5_pipeline p;
	for (size_t n = 0; n < strlen(good); n++) {
		int err = c5_pipeline_parse(&p, "pipe.yml", good, n, kinds);
		assert_true(err == C5_OK || (err == C5_EUSAGE && strncmp(c5_error_last(), "pipe.yml:", 9) == 0));
		c5_pipeline_free(&p);
	}
	for (size_t i = 0; i < strlen(good); i++)
		for (size_t j = 0; j < sizeof junk; j++) {
			memcpy(text, good, sizeof good);
			text[i] = junk[j];
			int err = c5_pipeline_parse(&p, "pipe.yml", text, sizeof good - 1, kinds);
			assert_true(err == C5_OK || (err == C5_EUSAGE && strncmp(c5_error_last(), "pipe.yml:", 9) == 0 && !strchr(c5_error_last(), '\n')));
			c5_pipeline_free(&p);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_file_is_read_with_defaults),
		cmocka_unit_test(the_written_text_reads_back_the_same),
		cmocka_unit_test(broken_files_are_refused_with_their_place),
		cmocka_unit_test(files_too_long_or_absent_are_named),
		cmocka_unit_test(damaged_files_never_do_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
