/* unit_container_run.c – run records and experiments: written, read again, continued, and latest revisions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "container_sample.h"

static void revision_names_are_numbers_and_back(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "r", "r1", "r00001", "x000001", "r00000a", "latest", "r000000", "r-00001", "r+00001", "r 00001",
		"r99999999999" };
	assert_string_equal(c5_revision_name(3), "r000003");
	assert_string_equal(c5_revision_name(1234567), "r1234567");
	assert_int_equal(c5_revision_number("r000003"), 3);
	assert_int_equal(c5_revision_number("r1234567"), 1234567);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (c5_revision_number(bad[i]) != 0) fail_msg("%s taken for a revision", bad[i]);
}

static void a_run_is_begun_resumed_and_ended(void **state)
{
	(void)state;
	const char *path = scratch("run.h5");
	c5_file *f;
	c5_run_info r, got;
	uint32_t number;
	MUST(c5_file_create(path, NULL));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	assert_int_equal(c5_run_last(f, &number), C5_OK);
	assert_int_equal(number, 0);
	assert_int_equal(c5_run_unfinished(f, &number), C5_ENOTFOUND);
	sample_run_begin(f, &r, "run");
	assert_int_equal(r.number, 1);
	MUST(c5_file_commit(f, true));
	assert_int_equal(c5_run_unfinished(f, &number), C5_OK);
	assert_int_equal(number, 1);
	assert_int_equal(c5_run_read(f, 1, &got), C5_OK);
	assert_string_equal(got.state, "running");
	assert_string_equal(got.command_line, r.command_line);
	assert_string_equal(got.configuration, r.configuration);
	assert_null(got.end);
	assert_null(got.failures);
	assert_int_equal(got.ranks, 2);
	assert_int_equal(got.seed, 7);
	free(got.hosts);
	got.hosts = c5_strdup("another");
	got.ranks = 8;
	assert_int_equal(c5_run_resume(f, &got), C5_OK);
	c5_run_info_free(&got);
	assert_int_equal(c5_run_read(f, 1, &got), C5_OK);
	assert_int_equal(got.restarts, 1);
	assert_int_equal(got.ranks, 8);
	assert_string_equal(got.hosts, "another");
	assert_string_equal(got.state, "running");
	got.failed = 1;
	got.failures = c5_strdup("A02: no frames\n");
	assert_int_equal(c5_run_end(f, &got, "complete"), C5_OK);
	c5_run_info_free(&got);
	c5_run_info_free(&r);
	MUST(c5_file_commit(f, false));
	assert_int_equal(c5_run_read(f, 1, &got), C5_OK);
	assert_string_equal(got.state, "complete");
	assert_non_null(got.end);
	assert_int_equal(got.failed, 1);
	assert_string_equal(got.failures, "A02: no frames\n");
	c5_run_info_free(&got);
	assert_int_equal(c5_run_unfinished(f, &number), C5_ENOTFOUND);
	sample_run_begin(f, &r, "run");
	assert_int_equal(r.number, 2);
	sample_run_end(f, &r, "failed");
	assert_int_equal(c5_run_unfinished(f, &number), C5_ENOTFOUND);
	assert_int_equal(c5_run_read(f, 9, &got), C5_ENOTFOUND);
	MUST(c5_group_make(f, "/runs/r000003"));
	assert_int_equal(c5_run_read(f, 3, &got), C5_ESCHEMA);
	MUST(c5_file_close(f));
}

static void experiments_come_back(void **state)
{
	(void)state;
	const char *path = scratch("experiment.h5");
	c5_file *f;
	c5_experiment e, twin;
	const c5_channel *c;
	c5_buf b = { 0 };
	sample_container(path);
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	assert_int_equal(c5_experiment_read(f, "A02", &e), C5_OK);
	assert_string_equal(e.texts[1], "A02");
	assert_null(e.texts[2]);
	assert_true(e.pixel_size_um == 0.65 && e.frame_interval_s == 600);
	assert_int_equal(e.n_channels, 2); /* scales are no channels */
	assert_int_equal(c5_experiment_channel(&e, NULL, &c), C5_OK);
	assert_string_equal(c->name, "phase");
	assert_int_equal(c5_experiment_channel(&e, "gfp", &c), C5_OK);
	assert_int_equal(c->dtype, C5_U16);
	assert_true(c->frames == FRAMES && c->height == HEIGHT && c->width == WIDTH && c->planes == 0 && c->wavelength_nm == 520);
	assert_int_equal(c5_experiment_channel(&e, "rfp", &c), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "gfp, phase"));
	c5_experiment_pack(&e, &b);
	assert_int_equal(c5_experiment_unpack(&twin, &b), C5_OK);
	assert_string_equal(twin.name, "A02");
	assert_int_equal(twin.n_channels, 2);
	assert_string_equal(twin.channels[1].modality, "phase");
	c5_experiment_free(&twin);
	for (size_t n = 0; n < b.size; n += 5) {
		c5_buf cut = { .data = b.data, .size = n };
		assert_true(c5_experiment_unpack(&twin, &cut) < 0);
		c5_experiment_free(&twin);
	}
	c5_buf_free(&b);
	c5_experiment_free(&e);
	assert_int_equal(c5_experiment_read(f, "A03", &e), C5_ENOTFOUND);
	MUST(c5_file_close(f));
}

static void latest_is_what_was_published(void **state)
{
	(void)state;
	const char *path = scratch("latest.h5");
	c5_file *f;
	uint32_t number;
	sample_container(path);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	assert_int_equal(c5_revision_latest(f, "A01", "masks", &number), C5_OK);
	assert_int_equal(number, 2);
	assert_int_equal(c5_revision_latest(f, "A01", "tracks", &number), C5_OK);
	assert_int_equal(number, 0);
	MUST(c5_revision_publish(f, "A01", "masks", 5));
	assert_int_equal(c5_revision_latest(f, "A01", "masks", &number), C5_OK);
	assert_int_equal(number, 5);
	MUST(c5_file_close(f));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(revision_names_are_numbers_and_back),
		cmocka_unit_test(a_run_is_begun_resumed_and_ended),
		cmocka_unit_test(experiments_come_back),
		cmocka_unit_test(latest_is_what_was_published),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
