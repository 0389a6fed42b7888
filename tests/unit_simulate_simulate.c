/* unit_simulate_simulate.c – the simulator keeps its promises: the same movie however it is asked for, a lineage that holds together, two states. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "simulate/simulate.h"

static c5_sim_params settings(void)
{
	c5_sim_params p = { 0 };
	assert_int_equal(c5_opt_defaults(c5_sim_opts, &p), C5_OK);
	p.height = 160, p.width = 200, p.cells = 14, p.frames = 40, p.radius = 10, p.cycle = 12;
	return p;
}

typedef struct frame { uint32_t *labels; uint16_t *phase; uint32_t n; c5_sim_cell cells[400]; } frame;

static frame draw(c5_sim *s, const c5_sim_params *p, uint64_t t)
{
	size_t n = (size_t)p->height * (size_t)p->width;
	frame f = { malloc(n * 4), malloc(n * 2), 0, { { 0 } } };
	const c5_sim_cell *cells;
	assert_int_equal(c5_sim_seek(s, t), C5_OK);
	assert_int_equal(c5_sim_labels(s, f.labels, &cells, &f.n), C5_OK);
	assert_true(f.n <= 400);
	memcpy(f.cells, cells, f.n * sizeof *cells);
	assert_int_equal(c5_sim_render(s, C5_SIM_PHASE, f.phase), C5_OK);
	return f;
}

static void drop(frame *f)
{
	free(f->labels);
	free(f->phase);
}

static void frames_are_the_same_in_any_order_of_asking(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	size_t n = (size_t)p.height * (size_t)p.width;
	c5_sim *a, *b;
	assert_int_equal(c5_sim_open(&a, &p, 0, 3), C5_OK);
	assert_int_equal(c5_sim_open(&b, &p, 0, 3), C5_OK);
	for (int t = 20; t >= 0; t -= 5) {
		frame x = draw(a, &p, (uint64_t)t), y = draw(b, &p, (uint64_t)(20 - t)), z = draw(b, &p, (uint64_t)t);
		assert_int_equal(x.n, z.n);
		assert_memory_equal(x.labels, z.labels, n * 4);
		assert_memory_equal(x.phase, z.phase, n * 2);
		drop(&x);
		drop(&y);
		drop(&z);
	}
	c5_sim_close(a);
	c5_sim_close(b);
	c5_opt_clear(c5_sim_opts, &p);
}

static void labels_count_up_in_raster_order_and_touch_no_gap(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	size_t n = (size_t)p.height * (size_t)p.width;
	c5_sim *s;
	assert_int_equal(c5_sim_open(&s, &p, 0, 0), C5_OK);
	frame f = draw(s, &p, 7);
	uint32_t next = 1;
	for (size_t i = 0; i < n; i++) {
		assert_true(f.labels[i] <= next);
		if (f.labels[i] == next) next++;
	}
	assert_int_equal(next - 1, f.n);
	assert_true(f.n > 5);
	drop(&f);
	c5_sim_close(s);
	c5_opt_clear(c5_sim_opts, &p);
}

static void cells_divide_and_daughters_name_a_mother_that_is_gone(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	c5_sim *s;
	uint32_t seen_last[4000] = { 0 }, daughters = 0;
	assert_int_equal(c5_sim_open(&s, &p, 0, 1), C5_OK);
	for (uint64_t t = 0; t < 40; t++) {
		frame f = draw(s, &p, t);
		for (uint32_t k = 0; k < f.n; k++) {
			const c5_sim_cell *c = &f.cells[k];
			assert_true(c->cell > 0 && c->cell < 4000);
			if (c->born == t && t > 0 && c->mother) {
				daughters++;
				assert_true(seen_last[c->mother] <= t);
			}
			seen_last[c->cell] = (uint32_t)t + 1;
			if (c->mother) assert_true(seen_last[c->mother] <= c->born);
		}
		drop(&f);
	}
	assert_true(daughters >= 10);
	c5_sim_close(s);
	c5_opt_clear(c5_sim_opts, &p);
}

static void senescent_cells_are_larger_and_never_divide(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	double area[2] = { 0 };
	size_t count[2] = { 0 }, n = (size_t)p.height * (size_t)p.width;
	free(p.conditions);
	p.conditions = strdup("control=0,old=1");
	for (uint32_t c = 0; c < 2; c++) {
		c5_sim *s;
		assert_int_equal(c5_sim_open(&s, &p, c, 0), C5_OK);
		frame f = draw(s, &p, 20);
		for (size_t i = 0; i < n; i++) area[c] += f.labels[i] != 0;
		count[c] = f.n;
		for (uint32_t k = 0; k < f.n; k++) {
			assert_int_equal(f.cells[k].senescent, c == 1);
			if (c == 1) assert_int_equal(f.cells[k].mother, 0);
		}
		drop(&f);
		c5_sim_close(s);
	}
	assert_true(area[1] / (double)count[1] > 1.5 * area[0] / (double)count[0]);
	c5_opt_clear(c5_sim_opts, &p);
}

/* Mean area of the senescent cells of a field, in px. */
static double senescent_area(c5_sim_params *p)
{
	c5_sim *s;
	double area = 0;
	assert_int_equal(c5_sim_open(&s, p, 1, 0), C5_OK);
	frame f = draw(s, p, 0);
	for (size_t i = 0; i < (size_t)p->height * (size_t)p->width; i++) area += f.labels[i] != 0;
	area /= (double)f.n;
	drop(&f);
	c5_sim_close(s);
	return area;
}

static void severity_says_how_far_senescent_cells_have_changed(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	double area[3];
	free(p.conditions);
	p.conditions = strdup("control=0,old=1");
	for (int k = 0; k < 3; k++) {
		p.severity = 0.5 * k;
		area[k] = senescent_area(&p);
	}
	assert_true(area[0] < 0.85 * area[1] && area[1] < 0.95 * area[2]);
	c5_opt_clear(c5_sim_opts, &p);
}

/* Spread over cells of the logarithm of how much brighter they are in one channel than in another. */
static double ratio_spread(const c5_sim_params *p)
{
	size_t n = (size_t)p->height * (size_t)p->width;
	uint16_t *pixels = malloc(n * 2);
	double *sum[2], mean = 0, square = 0;
	c5_sim *s;
	assert_int_equal(c5_sim_open(&s, p, 0, 0), C5_OK);
	frame f = draw(s, p, 0);
	for (int c = 0; c < 2; c++) {
		sum[c] = calloc(f.n + 1, sizeof(double));
		assert_int_equal(c5_sim_render(s, c ? C5_SIM_TPEF : C5_SIM_SRS, pixels), C5_OK);
		for (size_t i = 0; i < n; i++) sum[c][f.labels[i]] += pixels[i];
	}
	for (uint32_t k = 1; k <= f.n; k++) {
		double ratio = log(sum[0][k] / sum[1][k]);
		mean += ratio / f.n;
		square += ratio * ratio / f.n;
	}
	free(sum[0]);
	free(sum[1]);
	free(pixels);
	drop(&f);
	c5_sim_close(s);
	return sqrt(square - mean * mean);
}

static void variation_makes_channels_differ_by_themselves(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	p.noise = 0.1;
	double same = ratio_spread(&p);
	p.variation = 0.4;
	double apart = ratio_spread(&p);
	assert_true(apart > 2 * same && apart > 0.2 && apart < 1);
	c5_opt_clear(c5_sim_opts, &p);
}

static void missed_frames_are_empty_and_others_are_not(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	p.missed = 7;
	c5_sim *s;
	assert_int_equal(c5_sim_open(&s, &p, 0, 0), C5_OK);
	for (uint64_t t = 0; t < 15; t++) {
		frame f = draw(s, &p, t);
		assert_int_equal(f.n == 0, t == 6 || t == 13);
		drop(&f);
	}
	c5_sim_close(s);
	c5_opt_clear(c5_sim_opts, &p);
}

/* Mean of a channel over positive and over negative cells, and the roughness (mean step to the next pixel) there. */
static void look_at(c5_sim *s, const c5_sim_params *p, uint64_t t, int channel, double mean[2], double rough[2])
{
	frame f = draw(s, p, t);
	size_t n = (size_t)p->height * (size_t)p->width, count[2] = { 0 };
	uint16_t *pixels = malloc(n * 2);
	assert_int_equal(c5_sim_render(s, channel, pixels), C5_OK);
	mean[0] = mean[1] = rough[0] = rough[1] = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		if (!f.labels[i] || f.labels[i] != f.labels[i + 1]) continue;
		int k = f.cells[f.labels[i] - 1].positive;
		mean[k] += pixels[i], rough[k] += abs((int)pixels[i] - pixels[i + 1]), count[k]++;
	}
	for (int k = 0; k < 2; k++) mean[k] /= (double)count[k], rough[k] /= (double)count[k];
	free(pixels);
	drop(&f);
}

static void differentiation_shows_in_the_looks_before_the_marker(void **state)
{
	(void)state;
	c5_sim_params p = settings();
	double early[2], late[2], rough[2], rough_late[2], unused[2];
	c5_sim *s;
	p.differentiation = 0.6, p.patch = 40, p.onset = 24, p.noise = 0.2;
	assert_int_equal(c5_sim_open(&s, &p, 0, 0), C5_OK);
	look_at(s, &p, 0, C5_SIM_PHASE, unused, rough);
	look_at(s, &p, 14, C5_SIM_MARKER, early, unused);
	look_at(s, &p, 14, C5_SIM_PHASE, unused, rough_late);
	assert_true(rough[1] < 1.1 * rough[0]);
	assert_true(rough_late[1] > 1.2 * rough_late[0]); /* striped by now */
	look_at(s, &p, 39, C5_SIM_MARKER, late, unused);
	assert_true(early[1] < 3 * early[0] && late[1] > 5 * late[0]);
	c5_sim_close(s);
	c5_opt_clear(c5_sim_opts, &p);
}

static void bad_conditions_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "a", "a=", "a=2", "=0.5", "a=0.5,b" };
	c5_sim_params p = settings();
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		double share;
		int err = C5_OK;
		free(p.conditions);
		p.conditions = strdup(bad[i]);
		for (uint32_t c = 0; c < 2 && err == C5_OK; c++) err = c5_sim_condition(&p, c, NULL, &share);
		assert_int_equal(err, C5_EUSAGE);
	}
	c5_opt_clear(c5_sim_opts, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_are_the_same_in_any_order_of_asking),
		cmocka_unit_test(labels_count_up_in_raster_order_and_touch_no_gap),
		cmocka_unit_test(cells_divide_and_daughters_name_a_mother_that_is_gone),
		cmocka_unit_test(senescent_cells_are_larger_and_never_divide),
		cmocka_unit_test(severity_says_how_far_senescent_cells_have_changed),
		cmocka_unit_test(variation_makes_channels_differ_by_themselves),
		cmocka_unit_test(missed_frames_are_empty_and_others_are_not),
		cmocka_unit_test(differentiation_shows_in_the_looks_before_the_marker),
		cmocka_unit_test(bad_conditions_are_refused),
	};
	return cmocka_run_group_tests_name("simulate", tests, NULL, NULL);
}
