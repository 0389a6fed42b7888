/* screen.c – see screen.h. The main line is c5_screen_make, at the bottom. */
#include "classify/screen.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "classify/compare.h"
#include "measure/figures.h"

struct alone { c5_screen_params p; };
const c5_opt c5_screen_opts[] = { C5_SCREEN_OPTS(struct alone, p), { 0 } };

const char *c5_role_name(int role) { return role == C5_ROLE_NEGATIVE ? "negative" : role == C5_ROLE_POSITIVE ? "positive" : "sample"; }

static const char *text_of(const char *s) { return s ? s : ""; }

void c5_well_place(const char *well, int *row, int *column)
{
	int r = 0, c = 0;
	const char *p = well;
	*row = *column = -1;
	for (; isalpha((unsigned char)*p) && p - well < 2; p++) r = r * 26 + (toupper((unsigned char)*p) - 'A') + 1;
	if (p == well || !isdigit((unsigned char)*p)) return;
	for (; isdigit((unsigned char)*p) && c < 1000; p++) c = c * 10 + (*p - '0');
	if (*p || c < 1 || c >= 1000) return;
	*row = r - 1;
	*column = c - 1;
}

/* ---- names ---- */

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *p = list; p && *p && n; p += *p == ',') {
		while (*p == ' ') p++;
		size_t m = strcspn(p, ","), bare = m;
		while (bare && p[bare - 1] == ' ') bare--;
		if (bare == n && strncasecmp(p, name, n) == 0) return true;
		p += m;
	}
	return false;
}

static int role_of(const c5_screen_params *p, const char *condition, const char *compound)
{
	if (listed(p->positive, condition) || listed(p->positive, compound)) return C5_ROLE_POSITIVE;
	return listed(p->negative, condition) || listed(p->negative, compound) ? C5_ROLE_NEGATIVE : C5_ROLE_SAMPLE;
}

static int compare_treatments(const char *condition_a, const char *compound_a, const char *dose_a, const char *condition_b, const char *compound_b,
	const char *dose_b)
{
	int c = strverscmp(condition_a, condition_b);
	if (!c) c = strverscmp(compound_a, compound_b);
	return c ? c : strverscmp(dose_a, dose_b);
}

/* ---- wells ---- */

static int by_well(const void *x, const void *y)
{
	const c5_screen_well *a = x, *b = y;
	int c = strverscmp(a->plate, b->plate);
	if (!c) c = (a->row > b->row) - (a->row < b->row);
	if (!c) c = (a->column > b->column) - (a->column < b->column);
	if (!c) c = strverscmp(a->well, b->well);
	return c ? c : compare_treatments(a->condition, a->compound, a->dose, b->condition, b->compound, b->dose);
}

/* Fields of one well in the order of their names, so that sums do not depend on the order given. */
static int by_field(const void *x, const void *y)
{
	int c = by_well(x, y);
	return c ? c : strverscmp(((const c5_screen_well *)x)->experiment, ((const c5_screen_well *)y)->experiment);
}

/* Every field is a well at first; those of one well are joined. */
static int make_wells(c5_screen *s, const c5_screen_field *fields, size_t n, const c5_screen_params *p)
{
	int err = c5_alloc(&s->wells, n, sizeof *s->wells);
	if (err < 0) return err;
	for (size_t i = 0; i < n; i++) {
		const c5_screen_field *f = &fields[i];
		bool named = f->well && *f->well;
		c5_screen_well *w = &s->wells[i];
		*w = (c5_screen_well){ .experiment = f->experiment, .plate = text_of(f->plate), .well = named ? f->well : f->experiment,
			.condition = text_of(f->condition), .compound = text_of(f->compound), .dose = text_of(f->dose), .row = -1, .column = -1, .experiments = 1,
			.objects = f->objects, .positive = f->positive, .sum = f->sum };
		if (named) c5_well_place(w->well, &w->row, &w->column);
		w->role = role_of(p, w->condition, w->compound);
	}
	if (n) qsort(s->wells, n, sizeof *s->wells, by_field);
	for (size_t i = 0; i < n; i++) {
		c5_screen_well *last = s->n_wells ? &s->wells[s->n_wells - 1] : NULL, *w = &s->wells[i];
		if (!last || by_well(last, w)) {
			s->wells[s->n_wells++] = *w;
			continue;
		}
		last->experiments += w->experiments;
		last->objects += w->objects;
		last->positive += w->positive;
		last->sum += w->sum;
	}
	for (size_t i = 0; i < s->n_wells; i++) {
		c5_screen_well *w = &s->wells[i];
		w->mean = c5_ratio(w->sum, (double)w->objects);
		w->share = c5_ratio((double)w->positive, (double)w->objects);
		w->value = strcmp(p->value, "share") == 0 ? w->share : w->mean;
		s->negatives += w->role == C5_ROLE_NEGATIVE && !isnan(w->value);
		s->positives += w->role == C5_ROLE_POSITIVE && !isnan(w->value);
	}
	return C5_OK;
}

/* ---- plates ---- */

static void normalise(c5_screen_well *w, const c5_plate_quality *q, const char *how)
{
	w->difference = w->value - q->mean_negative;
	w->z = c5_ratio(w->difference, q->sd_negative);
	w->robust_z = c5_ratio(w->value - q->median_negative, q->mad_negative);
	w->percent_of_control = 100 * c5_ratio(w->value, q->mean_negative);
	w->percent = 100 * c5_ratio(w->difference, q->mean_positive - q->mean_negative);
	w->normalised = !strcmp(how, "z") ? w->z : !strcmp(how, "robust-z") ? w->robust_z : !strcmp(how, "percent") ? w->percent : w->difference;
}

/* Wells [first, last) are one plate's. */
static int make_plate(c5_screen *s, size_t first, size_t last, const c5_screen_params *p)
{
	double *high = NULL, *low = NULL;
	size_t n_high = 0, n_low = 0;
	c5_screen_plate *plate = &s->plates[s->n_plates];
	int err;
	if ((err = c5_alloc(&high, last - first, sizeof *high)) < 0 || (err = c5_alloc(&low, last - first, sizeof *low)) < 0) goto done;
	plate->plate = s->wells[first].plate;
	plate->wells = (uint32_t)(last - first);
	for (size_t i = first; i < last; i++) {
		c5_screen_well *w = &s->wells[i];
		w->plate_index = (uint32_t)s->n_plates;
		plate->objects += w->objects;
		if (isnan(w->value)) continue;
		if (w->role == C5_ROLE_POSITIVE) high[n_high++] = w->value;
		if (w->role == C5_ROLE_NEGATIVE) low[n_low++] = w->value;
	}
	c5_plate_measure(&plate->quality, high, n_high, low, n_low);
	for (size_t i = first; i < last; i++) normalise(&s->wells[i], &plate->quality, p->normalise);
	s->n_plates++;
done:
	free(high);
	free(low);
	return err;
}

static int make_plates(c5_screen *s, const c5_screen_params *p)
{
	int err = c5_alloc(&s->plates, s->n_wells, sizeof *s->plates);
	for (size_t i = 0, k; err == C5_OK && i < s->n_wells; i = k) {
		for (k = i + 1; k < s->n_wells && strcmp(s->wells[k].plate, s->wells[i].plate) == 0;) k++;
		err = make_plate(s, i, k, p);
	}
	return err;
}

/* ---- treatments ---- */

static int by_treatment(const void *x, const void *y)
{
	const c5_screen_treatment *a = x, *b = y;
	return compare_treatments(a->condition, a->compound, a->dose, b->condition, b->compound, b->dose);
}

static int find_treatments(c5_screen *s)
{
	size_t n = 0;
	int err = c5_alloc(&s->treatments, s->n_wells, sizeof *s->treatments);
	if (err < 0) return err;
	for (size_t i = 0; i < s->n_wells; i++)
		s->treatments[i] = (c5_screen_treatment){ .condition = s->wells[i].condition, .compound = s->wells[i].compound, .dose = s->wells[i].dose,
			.role = s->wells[i].role };
	if (s->n_wells) qsort(s->treatments, s->n_wells, sizeof *s->treatments, by_treatment);
	for (size_t i = 0; i < s->n_wells; i++)
		if (n == 0 || by_treatment(&s->treatments[n - 1], &s->treatments[i])) s->treatments[n++] = s->treatments[i];
	s->n_treatments = n;
	for (size_t i = 0; i < s->n_wells; i++) {
		const c5_screen_treatment key = { .condition = s->wells[i].condition, .compound = s->wells[i].compound, .dose = s->wells[i].dose };
		const c5_screen_treatment *t = bsearch(&key, s->treatments, n, sizeof key, by_treatment);
		s->wells[i].treatment = (uint32_t)(t - s->treatments);
	}
	return C5_OK;
}

/* Middle 95 % of the means of wells drawn with replacement. */
static int interval(double *low, double *high, const double *v, size_t n, const c5_screen_params *p, uint64_t item)
{
	size_t times = (size_t)p->resamples;
	double *means = NULL;
	int err;
	*low = *high = NAN;
	if (n < 2 || times < 2) return C5_OK;
	if ((err = c5_alloc(&means, times, sizeof *means)) < 0) return err;
	for (size_t r = 0; r < times; r++) {
		c5_random random;
		c5_random_start(&random, (uint64_t)p->seed, item << 32 | r);
		for (size_t k = 0; k < n; k++) means[r] += v[c5_random_below(&random, n)];
		means[r] /= (double)n;
	}
	c5_sort_values(means, times);
	*low = means[(size_t)(0.025 * (double)(times - 1))];
	*high = means[(size_t)ceil(0.975 * (double)(times - 1))];
	free(means);
	return C5_OK;
}

/* What wells of a treatment are, and their values; `tested` gets the normalised ones. */
static int gather(c5_screen *s, size_t at, const c5_screen_params *p, double *values, double *tested)
{
	c5_screen_treatment *t = &s->treatments[at];
	double sum = 0, positive = 0;
	size_t n = 0;
	uint32_t plate = UINT32_MAX;
	for (size_t i = 0; i < s->n_wells; i++) {
		const c5_screen_well *w = &s->wells[i];
		if (w->treatment != at) continue;
		t->plates += w->plate_index != plate;
		plate = w->plate_index;
		t->wells++;
		t->experiments += w->experiments;
		t->objects += w->objects;
		sum += w->sum;
		positive += (double)w->positive;
		if (isnan(w->value)) continue;
		values[n++] = w->value;
		if (!isnan(w->normalised)) tested[t->tested++] = w->normalised;
	}
	t->mean = c5_ratio(sum, (double)t->objects);
	t->share = c5_ratio(positive, (double)t->objects);
	c5_moments(&t->value, &t->sd, values, n);
	return interval(&t->low, &t->high, values, n, p, at);
}

static int test_one(c5_screen_treatment *t, const double *a, const double *b, size_t m, const c5_screen_params *p)
{
	int tail = !strcmp(p->direction, "up") ? C5_TAIL_GREATER : !strcmp(p->direction, "down") ? C5_TAIL_LESS : C5_TAIL_BOTH, err;
	double mean, sd, mean_low, sd_low;
	c5_compared c;
	c5_moments(&mean, &sd, a, t->tested);
	c5_moments(&mean_low, &sd_low, b, m);
	t->normalised = mean;
	t->ssmd = c5_ratio(mean - mean_low, sqrt(sd * sd + sd_low * sd_low));
	t->p = t->q = t->effect = NAN;
	if (t->role == C5_ROLE_NEGATIVE) return C5_OK;
	if (!strcmp(p->test, "welch")) err = c5_compare_means(&c, a, t->tested, b, m, tail);
	else if (!strcmp(p->test, "permutation")) err = c5_compare_shuffled(&c, a, t->tested, b, m, tail, p->resamples, (uint64_t)p->seed);
	else err = c5_compare_ranks(&c, a, t->tested, b, m, tail);
	if (err < 0) return err;
	t->p = c.p;
	t->effect = c.effect;
	t->exact = c.exact;
	return C5_OK;
}

/* Negative controls of those plates alone that the treatment is on. */
static size_t controls_for(const c5_screen *s, size_t at, bool *on, double *to)
{
	size_t n = 0;
	memset(on, 0, s->n_plates * sizeof *on);
	for (size_t i = 0; i < s->n_wells; i++)
		if (s->wells[i].treatment == at) on[s->wells[i].plate_index] = true;
	for (size_t i = 0; i < s->n_wells; i++)
		if (s->wells[i].role == C5_ROLE_NEGATIVE && on[s->wells[i].plate_index] && !isnan(s->wells[i].normalised)) to[n++] = s->wells[i].normalised;
	return n;
}

static int measure_treatments(c5_screen *s, const c5_screen_params *p)
{
	double *values = NULL, *tested = NULL, *low = NULL;
	bool *on = NULL;
	int err;
	if ((err = c5_alloc(&values, s->n_wells, sizeof *values)) < 0 || (err = c5_alloc(&tested, s->n_wells, sizeof *tested)) < 0 ||
	    (err = c5_alloc(&low, s->n_wells, sizeof *low)) < 0 || (err = c5_alloc(&on, s->n_plates, sizeof *on)) < 0)
		goto done;
	for (size_t k = 0; err == C5_OK && k < s->n_treatments; k++) {
		if ((err = gather(s, k, p, values, tested)) < 0) break;
		size_t m = controls_for(s, k, on, low);
		err = test_one(&s->treatments[k], tested, low, m, p);
	}
done:
	free(values);
	free(tested);
	free(low);
	free(on);
	return err;
}

/* ---- hits ---- */

static double last_if_nan(double v) { return isnan(v) ? INFINITY : v; }

static const c5_screen *ranking; /* qsort has no context; a screen is made by one thread */

static int by_rank(const void *x, const void *y)
{
	size_t i = *(const size_t *)x, k = *(const size_t *)y;
	const c5_screen_treatment *a = &ranking->treatments[i], *b = &ranking->treatments[k];
	const double keys[3][2] = { { last_if_nan(a->q), last_if_nan(b->q) }, { last_if_nan(a->p), last_if_nan(b->p) },
		{ -fabs(isnan(a->normalised) ? 0 : a->normalised), -fabs(isnan(b->normalised) ? 0 : b->normalised) } };
	for (int j = 0; j < 3; j++)
		if (keys[j][0] != keys[j][1]) return keys[j][0] < keys[j][1] ? -1 : 1;
	return (i > k) - (i < k);
}

static int find_hits(c5_screen *s, const c5_screen_params *p)
{
	double *ps;
	int err = c5_alloc(&ps, s->n_treatments, sizeof *ps);
	if (err < 0 || (err = c5_alloc(&s->ranked, s->n_treatments, sizeof *s->ranked)) < 0) goto done;
	for (size_t k = 0; k < s->n_treatments; k++) ps[k] = s->treatments[k].role == C5_ROLE_SAMPLE ? s->treatments[k].p : NAN;
	if ((err = c5_false_discovery(ps, ps, s->n_treatments)) < 0) goto done;
	for (size_t k = 0; k < s->n_treatments; k++) {
		c5_screen_treatment *t = &s->treatments[k];
		t->q = ps[k];
		t->hit = t->q <= p->fdr && fabs(t->normalised) >= p->least_effect;
		s->n_hits += t->hit;
		s->ranked[k] = k;
	}
	ranking = s;
	if (s->n_treatments) qsort(s->ranked, s->n_treatments, sizeof *s->ranked, by_rank);
done:
	free(ps);
	return err;
}

int c5_screen_make(c5_screen *out, const c5_screen_field *fields, size_t n, const c5_screen_params *params)
{
	int err;
	memset(out, 0, sizeof *out);
	if ((err = make_wells(out, fields, n, params)) < 0 || (err = make_plates(out, params)) < 0 || (err = find_treatments(out)) < 0 ||
	    (err = measure_treatments(out, params)) < 0)
		return err;
	return find_hits(out, params);
}

void c5_screen_free(c5_screen *s)
{
	free(s->wells);
	free(s->plates);
	free(s->treatments);
	free(s->ranked);
	memset(s, 0, sizeof *s);
}
