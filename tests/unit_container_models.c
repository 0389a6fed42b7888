/* unit_container_models.c – models stored in containers: what is written comes back, damage is found, checkpoints change in their place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hdf5.h>
#include <sys/wait.h>

#include "container/check.h"
#include "container/compact.h"
#include "container/diff.h"
#include "container/digest.h"
#include "container/models.h"
#include "container/overlay.h"
#include "container/whole.h"
#include "container_sample.h"

/* A dense layer of (2, 3) with bias and a norm's mean; `shift` is added to all numbers. */
static void fill(c5_stored_model *s, float shift)
{
	static const struct { const char *layer, *parameter; int rank; uint64_t dims[4], count; bool trained; } arrays[] = {
		{ "out", "weights", 2, { 2, 3 }, 6, true }, { "out", "bias", 1, { 2 }, 2, true }, { "norm", "mean", 1, { 3 }, 3, false },
	};
	c5_stored_model_init(s);
	s->architecture = c5_strdup("name: tiny\n");
	s->preprocessing = c5_strdup("scaling: range\n");
	s->kind = c5_strdup("classify");
	s->origin = c5_strdup("trained");
	s->pixel_size_um = 0.65;
	MUST(c5_alloc(&s->arrays, 3, sizeof *s->arrays));
	MUST(c5_alloc(&s->numbers, 11, sizeof *s->numbers));
	for (int i = 0; i < 3; i++) {
		c5_stored_array *a = &s->arrays[s->n_arrays++];
		strcpy(a->layer, arrays[i].layer);
		strcpy(a->parameter, arrays[i].parameter);
		a->rank = arrays[i].rank;
		memcpy(a->dims, arrays[i].dims, sizeof a->dims);
		a->count = arrays[i].count;
		a->trained = arrays[i].trained;
		a->at = s->count;
		s->count += a->count;
	}
	for (int i = 0; i < 11; i++) s->numbers[i] = (float)i * 0.25f + shift;
	s->n_classes = 2;
	MUST(c5_alloc(&s->classes, 2, sizeof *s->classes));
	s->classes[0] = (c5_stored_class){ c5_strdup("control"), 120 };
	s->classes[1] = (c5_stored_class){ c5_strdup("sénescent"), -1 };
	s->n_channels = 1;
	MUST(c5_alloc(&s->channels, 1, sizeof *s->channels));
	s->channels[0] = (c5_stored_channel){ c5_strdup("phase"), NULL };
	s->n_metrics = 1;
	MUST(c5_alloc(&s->metrics, 1, sizeof *s->metrics));
	s->metrics[0] = (c5_stored_metric){ c5_strdup("auc"), c5_strdup("validation"), 0.9, 0.875, NAN };
	s->n_data = 1;
	MUST(c5_alloc(&s->data, 1, sizeof *s->data));
	s->data[0] = (c5_stored_data){ c5_strdup("/experiments/A01/crops/r000002"), c5_strdup("abc"), c5_strdup("training"), 10 };
	s->n_history = 2, s->n_history_columns = 2;
	MUST(c5_alloc(&s->history_names, 2, sizeof *s->history_names));
	MUST(c5_alloc(&s->history, 4, sizeof *s->history));
	s->history_names[0] = c5_strdup("epoch");
	s->history_names[1] = c5_strdup("loss");
	memcpy(s->history, (double[]){ 1, 0.7, 2, 0.5 }, 4 * sizeof(double));
}

static c5_file *fresh(const char *path)
{
	c5_file *f;
	unlink(path);
	MUST(c5_file_create(path, NULL));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	return f;
}

static void add_revision(c5_file *f, const char *name, float shift, bool complete)
{
	c5_run_info run;
	c5_stored_model s;
	sample_run_begin(f, &run, "train");
	fill(&s, shift);
	MUST(c5_stored_model_write(f, name, run.number, &s));
	if (complete) MUST(c5_stored_model_publish(f, name, run.number));
	c5_stored_model_free(&s);
	sample_run_end(f, &run, complete ? "complete" : "failed");
}

static void commit(c5_file *f)
{
	MUST(c5_file_commit(f, false));
	MUST(c5_file_close(f));
}

static void a_model_comes_back_as_it_was(void **state)
{
	(void)state;
	const char *path = scratch("model.h5");
	c5_file *f = fresh(path);
	c5_stored_model s, want;
	add_revision(f, "tiny", 0, true);
	add_revision(f, "tiny", 1, true);
	commit(f);
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_stored_model_read(f, "tiny", 0, true, &s));
	fill(&want, 1);
	assert_int_equal(s.revision, 2);
	assert_string_equal(s.architecture, want.architecture);
	assert_string_equal(s.preprocessing, want.preprocessing);
	assert_string_equal(s.kind, "classify");
	assert_null(s.licence);
	assert_true(s.pixel_size_um == 0.65 && isnan(s.temperature));
	assert_int_equal(s.n_arrays, 3);
	for (size_t i = 0; i < 3; i++) assert_memory_equal(&s.arrays[i], &want.arrays[i], sizeof *s.arrays);
	assert_int_equal(s.count, 11);
	assert_memory_equal(s.numbers, want.numbers, 11 * sizeof(float));
	assert_int_equal(s.n_classes, 2);
	assert_string_equal(s.classes[1].name, "sénescent");
	assert_true(s.classes[0].examples == 120 && s.classes[1].examples == -1);
	assert_int_equal(s.n_channels, 1);
	assert_null(s.channels[0].modality);
	assert_true(s.n_metrics == 1 && s.metrics[0].value == 0.9 && s.metrics[0].low == 0.875 && isnan(s.metrics[0].high));
	assert_string_equal(s.metrics[0].of, "validation");
	assert_true(s.n_data == 1 && s.data[0].items == 10);
	assert_true(s.n_history == 2 && s.n_history_columns == 2 && s.history[3] == 0.5);
	assert_string_equal(s.history_names[1], "loss");
	c5_stored_model_free(&s);
	MUST(c5_stored_model_read(f, "tiny", 1, false, &s));
	assert_null(s.numbers);
	assert_int_equal(s.count, 11);
	assert_int_equal(s.arrays[2].at, 8);
	c5_stored_model_free(&s);
	assert_int_equal(c5_stored_model_read(f, "tony", 0, true, &s), C5_ENOTFOUND);
	assert_non_null(strstr(c5_error_last(), "no model 'tony'; did you mean tiny?"));
	assert_int_equal(c5_stored_model_read(f, "tiny", 7, true, &s), C5_ENOTFOUND);
	assert_int_equal(c5_stored_model_read(f, "a/b", 0, true, &s), C5_EUSAGE);
	c5_stored_model_free(&want);
	MUST(c5_file_close(f));
}

static void writing_again_replaces(void **state)
{
	(void)state;
	const char *path = scratch("again.h5");
	c5_file *f = fresh(path);
	c5_run_info run;
	c5_stored_model s;
	sample_run_begin(f, &run, "train");
	fill(&s, 0);
	MUST(c5_stored_model_write(f, "m", 1, &s));
	MUST(c5_file_commit(f, true));
	c5_stored_model_free(&s);
	assert_int_equal(c5_stored_model_read(f, "m", 0, true, &s), C5_ENOTFOUND); /* not complete: no latest */
	assert_non_null(strstr(c5_error_last(), "has no complete revision yet"));
	fill(&s, 5);
	s.n_arrays = 2, s.count = 8; /* a smaller head, fewer classes */
	c5_stored_class *classes = s.classes;
	s.classes = NULL;
	s.n_classes = 0;
	MUST(c5_stored_model_write(f, "m", 1, &s));
	s.classes = classes, s.n_classes = 2;
	c5_stored_model_free(&s);
	MUST(c5_stored_model_publish(f, "m", 1));
	sample_run_end(f, &run, "complete");
	MUST(c5_stored_model_read(f, "m", 0, true, &s));
	assert_true(s.n_arrays == 2 && s.n_classes == 0 && s.numbers[0] == 5);
	c5_stored_model_free(&s);
	commit(f);
}

/* ---- the container's own tools ---- */

static char *lines;

static void take(void *to, int severity, const char *path, const char *text)
{
	(void)to, (void)severity;
	char *more = c5_format("%s%s: %s\n", lines ? lines : "", path, text);
	free(lines);
	lines = more;
}

static const char *check(const char *path, bool data)
{
	c5_file *f;
	c5_schema *schema;
	c5_check_summary sum;
	const c5_check_settings set = { .data = data };
	free(lines);
	lines = c5_strdup("");
	MUST(c5_schema_read(&schema, "container.yml", c5_schema_text()));
	MUST(c5_file_open(&f, path, C5_READ, NULL));
	MUST(c5_check(f, schema, &set, take, NULL, &sum));
	MUST(c5_file_close(f));
	c5_schema_free(schema);
	return lines;
}

static void models_are_checked(void **state)
{
	(void)state;
	const char *path = scratch("checked.h5");
	static const float other[2] = { 3, 4 };
	c5_array_spec s;
	c5_file *f = fresh(path);
	add_revision(f, "tiny", 0, true);
	add_revision(f, "tiny", 1, false); /* a failed run's may be anything */
	commit(f);
	assert_string_equal(check(path, true), "");
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_spec_whole(&s, "/models/tiny/r000001/weights/out/bias", C5_F32, 1, (const uint64_t[]){ 2 }));
	MUST(c5_whole_write(f, &s, other)); /* weights swapped behind our back */
	c5_spec_free(&s);
	commit(f);
	assert_string_equal(check(path, false), "");
	assert_non_null(strstr(check(path, true), "/models/tiny/r000001: the weights are not those that were written: their digest is"));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_spec_whole(&s, "/models/tiny/r000001/weights/out/bias", C5_F32, 1, (const uint64_t[]){ 1 }));
	MUST(c5_whole_write(f, &s, other));
	c5_spec_free(&s);
	commit(f);
	assert_non_null(strstr(check(path, false), "holds 1 numbers, the table of arrays says 2"));
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_unlink(f, "/models/tiny/r000001/arrays"));
	MUST(c5_unlink(f, "/models/tiny/r000001/architecture"));
	MUST(c5_group_make(f, "/models/tiny/r000009"));
	commit(f);
	const char *told = check(path, true);
	assert_non_null(strstr(told, "/models/tiny/r000001: has no architecture"));
	assert_non_null(strstr(told, "/models/tiny/r000001: has no weights"));
	assert_non_null(strstr(told, "/models/tiny/r000009: is of a run that is not in /runs"));
}

static void count_difference(void *to, const char *path, const char *text)
{
	(void)text;
	if (strncmp(path, "/models", 7) == 0) ++*(int *)to;
}

static int count_digest(void *to, const char *path, const char *hex)
{
	(void)hex;
	if (strncmp(path, "/models/tiny", 12) == 0) ++*(int *)to;
	return C5_OK;
}

static void note_dropped(void *to, const char *path, uint64_t bytes)
{
	(void)bytes;
	snprintf(to, 200, "%s", path);
}

static void models_are_compared_digested_and_compacted(void **state)
{
	(void)state;
	const char *one = scratch("one.h5"), *two = scratch("two.h5");
	c5_file *a = fresh(one), *b = fresh(two);
	add_revision(a, "tiny", 0, true);
	add_revision(a, "tiny", 1, true);
	add_revision(b, "tiny", 0, true);
	add_revision(b, "tiny", 2, true);
	int differ = 0, digests = 0;
	uint64_t n;
	MUST(c5_diff(a, b, NULL, count_difference, &differ, &n));
	assert_int_equal(differ, 4); /* the digest and three arrays of r000002 */
	MUST(c5_digest(a, NULL, count_digest, &digests));
	assert_int_equal(digests, 2 * (2 + 3 + 1 + 5)); /* texts, arrays, table of arrays, other tables */
	commit(a);
	commit(b);
	char dropped[200] = "";
	c5_compact_summary sum;
	c5_stored_model s;
	MUST(c5_compact(one, &(c5_compact_settings){ 0 }, note_dropped, dropped, &sum));
	assert_string_equal(dropped, "/models/tiny/r000001");
	MUST(c5_file_open(&a, one, C5_READ, NULL));
	MUST(c5_stored_model_read(a, "tiny", 0, true, &s));
	assert_true(s.revision == 2 && s.numbers[0] == 1);
	c5_stored_model_free(&s);
	MUST(c5_file_close(a));
	assert_string_equal(check(one, true), "");
}

/* ---- checkpoints ---- */

#define MANY 700000 /* float32: chunks of 4 MiB cut the first array in two */

static void write_checkpoint(c5_file *f, const char *which, int64_t epoch, float *numbers, float value)
{
	c5_checkpoint c = { .epoch = epoch, .step = 10 * epoch, .n_arrays = 2 };
	char state[64];
	for (size_t i = 0; i < 2 * MANY; i++) numbers[i] = value + (float)(i % 1000);
	snprintf(state, sizeof state, "rate: 0.1\nbest: %g\n", 1.0 / (double)(epoch + 1));
	c.state = state;
	strcpy(c.arrays[0].name, "weights");
	strcpy(c.arrays[1].name, "optimizer");
	c.arrays[0].data = numbers, c.arrays[0].count = 2 * MANY;
	c.arrays[1].data = numbers, c.arrays[1].count = 5;
	MUST(c5_checkpoint_write(f, "m", 1, which, &c));
}

static void checkpoints_change_where_they_are(void **state)
{
	(void)state;
	const char *path = scratch("checkpoint.h5");
	c5_file *f = fresh(path);
	c5_run_info run;
	c5_checkpoint c;
	c5_stored_model s;
	float *numbers = malloc(2 * MANY * sizeof *numbers);
	sample_run_begin(f, &run, "train");
	write_checkpoint(f, "last", 1, numbers, 1);
	write_checkpoint(f, "best", 1, numbers, 1);
	MUST(c5_file_commit(f, true));
	uint64_t end = c5_file_end(f);
	for (int epoch = 2; epoch < 8; epoch++) {
		write_checkpoint(f, "last", epoch, numbers, (float)epoch);
		MUST(c5_file_commit(f, true));
	}
	assert_true(c5_file_end(f) < end + 32768);
	MUST(c5_checkpoint_read(f, "m", 1, "last", &c));
	assert_true(c.epoch == 7 && c.step == 70 && c.n_arrays == 2);
	assert_string_equal(c.state, "rate: 0.1\nbest: 0.125\n");
	assert_string_equal(c.arrays[1].name, "weights"); /* by name */
	assert_int_equal(c.arrays[1].count, 2 * MANY);
	assert_memory_equal(c.arrays[1].data, numbers, 2 * MANY * sizeof *numbers);
	c5_checkpoint_free(&c);
	write_checkpoint(f, "last", 8, numbers, 8);
	MUST(c5_file_close(f)); /* not committed */
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	MUST(c5_checkpoint_read(f, "m", 1, "last", &c));
	assert_true(c.epoch == 7 && c.arrays[1].data[1] == 8);
	c5_checkpoint_free(&c);
	MUST(c5_checkpoint_read(f, "m", 1, "best", &c));
	assert_int_equal(c.epoch, 1);
	c5_checkpoint_free(&c);
	fill(&s, 0);
	MUST(c5_stored_model_write(f, "m", 1, &s));
	c5_stored_model_free(&s);
	MUST(c5_stored_model_publish(f, "m", 1));
	MUST(c5_checkpoint_drop(f, "m", 1));
	assert_int_equal(c5_checkpoint_read(f, "m", 1, "last", &c), C5_ENOTFOUND);
	MUST(c5_checkpoint_drop(f, "m", 1));
	sample_run_end(f, &run, "complete");
	commit(f);
	free(numbers);
	assert_string_equal(check(path, true), "");
}

/* Stored, not packed, but with all filters: HDF5 itself reads it. */
static void other_readers_see_checkpoints(void **state)
{
	(void)state;
	const char *path = scratch("stock.h5");
	c5_file *f = fresh(path);
	c5_run_info run;
	float *numbers = malloc(2 * MANY * sizeof *numbers), *got = malloc(2 * MANY * sizeof *got);
	sample_run_begin(f, &run, "train");
	c5_run_info_free(&run);
	write_checkpoint(f, "last", 3, numbers, 3);
	commit(f);
	hid_t h = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT), d = H5Dopen2(h, "/models/m/r000001/checkpoint/last/weights", H5P_DEFAULT);
	assert_true(H5Dread(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, got) >= 0);
	assert_memory_equal(got, numbers, 2 * MANY * sizeof *numbers);
	H5Dclose(d);
	H5Fclose(h);
	free(numbers);
	free(got);
}

/* What the child does that is to die. */
static int second_checkpoint(const char *path)
{
	c5_file *f;
	float *numbers = malloc(2 * MANY * sizeof *numbers);
	MUST(c5_file_open(&f, path, C5_WRITE, "test"));
	write_checkpoint(f, "last", 2, numbers, 2);
	free(numbers);
	return c5_file_commit(f, true) < 0 || c5_file_close(f) < 0;
}

/* Dies at every step of a commit that changes a checkpoint: the old or the new is there, whole. */
static void a_checkpoint_is_never_torn(void **state)
{
	(void)state;
	const char *path = scratch("torn.h5"), *copy = scratch("torn_copy.h5");
	c5_file *f = fresh(path);
	float *numbers = malloc(2 * MANY * sizeof *numbers);
	c5_run_info run;
	int old = 0, new = 0;
	sample_run_begin(f, &run, "train");
	c5_run_info_free(&run);
	write_checkpoint(f, "last", 1, numbers, 1);
	commit(f);
	for (int p = 0; c5_crash_points[p]; p++) {
		copy_file(path, copy);
		pid_t child = fork();
		if (child == 0) {
			setenv("C5_CRASH_AT", c5_crash_points[p], 1);
			execl("/proc/self/exe", "unit_container_models", copy, (char *)NULL);
			_exit(99);
		}
		waitpid(child, NULL, 0);
		c5_checkpoint c;
		MUST(c5_file_open(&f, copy, C5_WRITE, "test"));
		MUST(c5_checkpoint_read(f, "m", 1, "last", &c));
		assert_true(c.epoch == 1 || c.epoch == 2);
		for (size_t i = 0; i < 2 * MANY; i++) assert_true(c.arrays[1].data[i] == (float)c.epoch + (float)(i % 1000));
		c.epoch == 1 ? old++ : new++;
		c5_checkpoint_free(&c);
		MUST(c5_file_close(f));
	}
	assert_true(old > 0 && new > 0);
	free(numbers);
}

/* Claims of sizes that are not in the file cost no memory and are told. */
static void damage_is_told(void **state)
{
	(void)state;
	const char *path = scratch("damage.h5");
	c5_stored_model s;
	c5_file *f = fresh(path);
	c5_array_spec spec;
	add_revision(f, "tiny", 0, true);
	MUST(c5_unlink(f, "/models/tiny/r000001/weights/out/weights"));
	MUST(c5_spec_whole(&spec, "/models/tiny/r000001/weights/out/weights", C5_F32, 2, (const uint64_t[]){ 1u << 30, 1u << 10 }));
	MUST(c5_array_create(f, &spec));
	c5_spec_free(&spec);
	assert_int_equal(c5_stored_model_read(f, "tiny", 0, true, &s), C5_EINPUT);
	assert_non_null(strstr(c5_error_last(), "/models/tiny/r000001/weights/out/weights: chunk 0 of"));
	commit(f);
}

int main(int argc, char **argv)
{
	if (argc > 1) return second_checkpoint(argv[1]);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_model_comes_back_as_it_was),
		cmocka_unit_test(writing_again_replaces),
		cmocka_unit_test(models_are_checked),
		cmocka_unit_test(models_are_compared_digested_and_compacted),
		cmocka_unit_test(checkpoints_change_where_they_are),
		cmocka_unit_test(other_readers_see_checkpoints),
		cmocka_unit_test(a_checkpoint_is_never_torn),
		cmocka_unit_test(damage_is_told),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(lines);
	return failed;
}
