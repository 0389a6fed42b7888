/* unit_base_options.c – the option table: values, refusals, the command line, help and near words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/options.h"

struct seg { double sigma; char *method; int64_t min_area; bool fill, border; char *title; char **input; };
static const c5_opt seg_opts[] = {
	{ "method", C5_OPT_CHOICE, offsetof(struct seg, method), "otsu", 0, 0, NULL, "otsu|percentile|deviation", "threshold" },
	{ "sigma", C5_OPT_REAL, offsetof(struct seg, sigma), "1.5", 0, 100, "px", NULL, "blur before the threshold" },
	{ "min-area", C5_OPT_INT, offsetof(struct seg, min_area), "50", 0, 1e9, "px", NULL, "drop smaller objects" },
	{ "fill", C5_OPT_BOOL, offsetof(struct seg, fill), NULL, 0, 0, NULL, NULL, "fill holes" },
	{ "border", C5_OPT_BOOL, offsetof(struct seg, border), "true", 0, 0, NULL, NULL, "keep objects at the border" },
	{ "title", C5_OPT_TEXT, offsetof(struct seg, title), NULL, 0, 0, NULL, NULL, "free text" },
	{ "input", C5_OPT_LIST, offsetof(struct seg, input), "a,b", 0, 0, NULL, "FILE", "what to read" },
	{ 0 },
};

struct common { bool quiet; int64_t threads; };
static const c5_opt common_opts[] = {
	{ "quiet", C5_OPT_BOOL, offsetof(struct common, quiet), NULL, 0, 0, NULL, NULL, "errors only" },
	{ "threads", C5_OPT_INT, offsetof(struct common, threads), "0", 0, 4096, NULL, NULL, "threads a rank" },
	{ 0 },
};

struct line { struct seg seg; struct common common; int n; char **words; bool help; int err; };

static void parse(struct line *l, const char *const *argv)
{
	memset(l, 0, sizeof *l);
	assert_int_equal(c5_opt_defaults(seg_opts, &l->seg), C5_OK);
	assert_int_equal(c5_opt_defaults(common_opts, &l->common), C5_OK);
	const c5_opt_group groups[] = { { "Segment", seg_opts, &l->seg }, { "Common", common_opts, &l->common }, { NULL, NULL, NULL } };
	int argc = 0;
	while (argv[argc]) argc++;
	l->err = c5_opt_parse(groups, argc, (char **)(uintptr_t)argv, &l->n, &l->words, &l->help);
}

static void drop(struct line *l)
{
	free(l->words);
	c5_opt_clear(seg_opts, &l->seg);
	c5_opt_clear(common_opts, &l->common);
}

#define PARSE(l, ...) parse((l), (const char *const[]){ "cyto5", __VA_ARGS__, NULL })

static void refuses(const char *const *argv, const char *text)
{
	struct line l;
	parse(&l, argv);
	assert_int_equal(l.err, C5_EUSAGE);
	assert_string_equal(c5_error_last(), text);
	assert_null(l.words);
	drop(&l);
}
#define REFUSES(text, ...) refuses((const char *const[]){ "cyto5", __VA_ARGS__, NULL }, text)

static void defaults_come_from_the_table(void **state)
{
	(void)state;
	struct seg s = { 0 };
	assert_int_equal(c5_opt_defaults(seg_opts, &s), C5_OK);
	assert_string_equal(s.method, "otsu");
	assert_true(s.sigma == 1.5 && s.min_area == 50 && !s.fill && s.border && !s.title);
	assert_string_equal(s.input[0], "a");
	assert_string_equal(s.input[1], "b");
	assert_null(s.input[2]);
	for (const c5_opt *row = seg_opts; row->name; row++) assert_true(c5_opt_is_default(row, &s));
	assert_int_equal(c5_opt_defaults(seg_opts, &s), C5_OK); /* a second time leaks nothing and repeats nothing */
	assert_null(s.input[2]);
	c5_opt_clear(seg_opts, &s);
	struct seg zero = { 0 };
	assert_memory_equal(&s, &zero, sizeof s);
	assert_false(c5_opt_is_default(&seg_opts[0], &s));
	assert_true(c5_opt_is_default(&seg_opts[3], &s));
}

static void a_default_outside_its_own_range_is_an_error(void **state)
{
	(void)state;
	static const c5_opt bad[] = { { "n", C5_OPT_INT, 0, "11", 0, 10, NULL, NULL, "" }, { 0 } };
	int64_t n = 0;
	assert_int_equal(c5_opt_defaults(bad, &n), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "default of --n: 11 is out of range 0..10");
}

static void command_line_fills_all_kinds(void **state)
{
	(void)state;
	struct line l;
	PARSE(&l, "--sigma", "2.25", "one.tif", "--min-area=7", "--fill", "--no-border", "--method=deviation", "--title", "-x y", "--input", "p",
	      "--input=q,r", "--threads", "4", "-", "--", "--sigma", "two.tif");
	assert_int_equal(l.err, C5_OK);
	assert_true(l.seg.sigma == 2.25 && l.seg.min_area == 7 && l.seg.fill && !l.seg.border && l.common.threads == 4);
	assert_string_equal(l.seg.method, "deviation");
	assert_string_equal(l.seg.title, "-x y");
	assert_string_equal(l.seg.input[0], "p"); /* the default list is gone */
	assert_string_equal(l.seg.input[1], "q,r");
	assert_null(l.seg.input[2]);
	assert_int_equal(l.n, 4);
	assert_string_equal(l.words[0], "one.tif");
	assert_string_equal(l.words[1], "-");
	assert_string_equal(l.words[2], "--sigma");
	assert_string_equal(l.words[3], "two.tif");
	assert_null(l.words[4]);
	assert_false(l.help);
	drop(&l);
	PARSE(&l, "--fill=no", "--border=on", "--min_area", "3");
	assert_true(l.err == C5_OK && !l.seg.fill && l.seg.border && l.seg.min_area == 3);
	drop(&l);
	PARSE(&l, "--help", "--nonsense");
	assert_true(l.err == C5_OK && l.help);
	drop(&l);
	PARSE(&l, "-h");
	assert_true(l.err == C5_OK && l.help);
	drop(&l);
}

static void refusals_name_option_expectation_and_finding(void **state)
{
	(void)state;
	REFUSES("--sigmaa: unknown option; did you mean --sigma? (see --help)", "--sigmaa", "3");
	REFUSES("--sigmaa: unknown option; did you mean --sigma? (see --help)", "--sigmaa=3");
	REFUSES("--thraeds: unknown option; did you mean --threads? (see --help)", "--thraeds", "3");
	REFUSES("--xylophone: unknown option (see --help)", "--xylophone");
	REFUSES("--sigma: 900 px is out of range 0..100", "--sigma", "900");
	REFUSES("--sigma: -1 px is out of range 0..100", "--sigma", "-1");
	REFUSES("--sigma: '3px' is no number", "--sigma", "3px");
	REFUSES("--sigma: '' is no number", "--sigma=");
	REFUSES("--sigma: nan is no finite number", "--sigma", "nan");
	REFUSES("--sigma: 1e999 is no finite number", "--sigma", "1e999");
	REFUSES("--min-area: '1.5' is no whole number", "--min-area", "1.5");
	REFUSES("--min-area: 99999999999999999999 does not fit in 64 bits", "--min-area", "99999999999999999999");
	REFUSES("--min-area: 2000000000 px is out of range 0..1000000000", "--min-area", "2000000000");
	REFUSES("--method: 'otzu' is not one of otsu, percentile, deviation; did you mean otsu?", "--method", "otzu");
	REFUSES("--method: '' is not one of otsu, percentile, deviation", "--method=");
	REFUSES("--method: 'ots' is not one of otsu, percentile, deviation; did you mean otsu?", "--method=ots");
	REFUSES("--fill: 'maybe' is neither true nor false", "--fill=maybe");
	REFUSES("--no-fill: takes no value, found 'yes'; write --fill=yes", "--no-fill=yes");
	REFUSES("--no-sigma: --sigma is no switch and cannot be negated (see --help)", "--no-sigma");
	REFUSES("--sigma: a value (X) is expected after it, found nothing", "--sigma");
	REFUSES("--title: a value (TEXT) is expected after it, found --fill; write --title=VALUE if that is the value", "--title", "--fill");
	REFUSES("-sigma: unknown option; options have two dashes, did you mean --sigma? (see --help)", "-sigma", "3");
	struct line l;
	PARSE(&l, "--title=--fill");
	assert_int_equal(l.err, C5_OK);
	assert_string_equal(l.seg.title, "--fill");
	drop(&l);
}

static void operands_are_refused_where_none_are_taken(void **state)
{
	(void)state;
	const c5_opt_group none[] = { { NULL, NULL, NULL } };
	char *argv[] = { "cyto5", "stray", NULL };
	assert_int_equal(c5_opt_parse(none, 2, argv, NULL, NULL, NULL), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "stray: unexpected operand; none is taken here (see --help)");
	assert_int_equal(c5_opt_parse(none, 1, argv, NULL, NULL, NULL), C5_OK);
	assert_int_equal(c5_opt_parse(none, 0, argv, NULL, NULL, NULL), C5_OK);
}

static void setting_by_name_takes_dashes_or_underscores(void **state)
{
	(void)state;
	struct seg s = { 0 };
	assert_int_equal(c5_opt_set(seg_opts, &s, "min_area", "12"), C5_OK);
	assert_int_equal(s.min_area, 12);
	assert_int_equal(c5_opt_set(seg_opts, &s, "min-aera", "12"), C5_EUSAGE);
	assert_string_equal(c5_error_last(), "--min-aera: unknown option; did you mean --min-area? (see --help)");
	assert_int_equal(c5_opt_set(seg_opts, &s, "input", "x"), C5_OK);
	assert_int_equal(c5_opt_set(seg_opts, &s, "input", "y"), C5_OK);
	assert_string_equal(s.input[1], "y");
	assert_int_equal(c5_opt_set(seg_opts, &s, "sigma", "900"), C5_EUSAGE);
	assert_true(s.sigma == 0); /* a refused value changes nothing */
	c5_opt_clear(seg_opts, &s);
}

static void values_read_back_as_text(void **state)
{
	(void)state;
	static const double numbers[] = { 0, 0.1, 1.0 / 3, 1e-300, 99.999999999999986, 5e-324 };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct seg s = { .sigma = numbers[i] }, t = { 0 };
		char *text = c5_opt_get(&seg_opts[1], &s);
		assert_int_equal(c5_opt_set(seg_opts, &t, "sigma", text), C5_OK);
		assert_true(s.sigma == t.sigma);
		free(text);
	}
	struct seg s = { .sigma = 0.1, .min_area = -3, .fill = true };
	char *text = c5_opt_get(&seg_opts[1], &s);
	assert_string_equal(text, "0.1");
	free(text);
	assert_null(c5_opt_get(&seg_opts[0], &s));
	assert_null(c5_opt_get(&seg_opts[6], &s));
	assert_int_equal(c5_opt_set(seg_opts, &s, "title", "a \"b\"\n\xff\xc3\xa9\x01"), C5_OK);
	assert_int_equal(c5_opt_set(seg_opts, &s, "input", "p"), C5_OK);
	assert_int_equal(c5_opt_set(seg_opts, &s, "input", "q"), C5_OK);
	text = c5_opt_get(&seg_opts[6], &s);
	assert_string_equal(text, "p,q");
	free(text);
	text = c5_opt_json(seg_opts, &s);
	assert_string_equal(text, "{\"method\": null, \"sigma\": 0.1, \"min-area\": -3, \"fill\": true, \"border\": false, "
	                          "\"title\": \"a \\\"b\\\"\\n\\ufffd\xc3\xa9\\u0001\", \"input\": [\"p\", \"q\"]}");
	free(text);
	assert_false(c5_opt_is_default(&seg_opts[6], &s));
	c5_opt_clear(seg_opts, &s);
	assert_true(s.title == NULL && s.input == NULL);
}

static void nearest_word_is_near_or_none(void **state)
{
	(void)state;
	static const char *const words[] = { "run", "segment", "show", "log", "ingest", "compact", "check", NULL };
	static const struct { const char *word, *near; } cases[] = {
		{ "rnu", "run" }, { "ru", "run" }, { "seg", "segment" }, { "semgent", "segment" }, { "igest", "ingest" }, { "SHOW", "show" },
		{ "chekc", "check" }, { "lgo", "log" }, { "compress", NULL }, { "x", NULL }, { "", NULL }, { "zebra", NULL }, { "delete", NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *near = c5_nearest(cases[i].word, words);
		if (cases[i].near) {
			assert_non_null(near);
			assert_string_equal(near, cases[i].near);
		} else {
			assert_null(near);
		}
	}
	char *endless = calloc(1, 100001);
	memset(endless, 'r', 100000);
	assert_null(c5_nearest(endless, words));
	free(endless);
}

static void help_is_aligned_and_at_most_100_wide(void **state)
{
	(void)state;
	static const c5_opt wide[] = {
		{ "long-choice", C5_OPT_CHOICE, 0, "alpha", 0, 0, NULL, "alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi", "letter" },
		{ "a-name-that-is-too-long-for-the-left-column", C5_OPT_TEXT, 0, NULL, 0, 0, NULL, "FOLDER", "goes on its own line" },
		{ 0 },
	};
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	const c5_opt_group groups[] = { { "Segment", seg_opts, NULL }, { "Wide", wide, NULL }, { NULL, NULL, NULL } };
	c5_opt_help(to, groups);
	fclose(to);
	assert_non_null(strstr(text, "Segment:\n"));
	assert_non_null(strstr(text, "\nWide:\n"));
	assert_non_null(strstr(text, "blur before the threshold (default 1.5 px, 0..100)"));
	assert_non_null(strstr(text, "  --[no-]border "));
	assert_non_null(strstr(text, "  --fill "));
	assert_non_null(strstr(text, "--input FILE ..."));
	assert_non_null(strstr(text, "letter: alpha, beta"));
	long column = -1;
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 100);
		char *gap = line[0] == ' ' ? strstr(line + 2, "  ") : NULL; /* the help column starts after two blanks or more */
		if (!gap || line[2] != '-') continue;
		long at = gap - line + (long)strspn(gap, " ");
		if (column >= 0) assert_int_equal(at, column);
		column = at;
	}
	assert_true(column > 0);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_come_from_the_table),
		cmocka_unit_test(a_default_outside_its_own_range_is_an_error),
		cmocka_unit_test(command_line_fills_all_kinds),
		cmocka_unit_test(refusals_name_option_expectation_and_finding),
		cmocka_unit_test(operands_are_refused_where_none_are_taken),
		cmocka_unit_test(setting_by_name_takes_dashes_or_underscores),
		cmocka_unit_test(values_read_back_as_text),
		cmocka_unit_test(nearest_word_is_near_or_none),
		cmocka_unit_test(help_is_aligned_and_at_most_100_wide),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
