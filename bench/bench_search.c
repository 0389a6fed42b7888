/* bench_search.c – searches of functions whose best value is known: how far from it the recommended point is after each trial.
 *
 *     bench_search run FUNCTION ALGORITHM TRIALS SEED [SEED ...]   one JSON line a seed: regret, its course, seconds
 *     bench_search value FUNCTION NUMBER ...                      the function at a point
 *     bench_search slow FUNCTION TRIAL NUMBER ...                 likewise, after 0.2 to 2 s of sleep that depend on the trial's number alone
 *     bench_search least FUNCTION                                 its best value
 *     bench_search list                                           names of all functions
 *
 * The regret is of the true value, without the noise, of the point that the search would recommend. bench/peers/optuna_search.py has the same
 * functions; bench/search.py compares. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/random.h"
#include "hyperopt/sampler.h"

static const double hartmann_c[4] = { 1.0, 1.2, 3.0, 3.2 };
static const double h3_a[4][6] = { { 3, 10, 30 }, { 0.1, 10, 35 }, { 3, 10, 30 }, { 0.1, 10, 35 } };
static const double h3_p[4][6] = { { 0.3689, 0.1170, 0.2673 }, { 0.4699, 0.4387, 0.7470 }, { 0.1091, 0.8732, 0.5547 }, { 0.0381, 0.5743, 0.8828 } };
static const double h6_a[4][6] = { { 10, 3, 17, 3.5, 1.7, 8 }, { 0.05, 10, 17, 0.1, 8, 14 }, { 3, 3.5, 1.7, 10, 17, 8 },
	{ 17, 8, 0.05, 10, 0.1, 14 } };
static const double h6_p[4][6] = { { 0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886 }, { 0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991 },
	{ 0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650 }, { 0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381 } };

static double hartmann(const double *x, size_t n, const double a[4][6], const double p[4][6])
{
	double sum = 0;
	for (int i = 0; i < 4; i++) {
		double e = 0;
		for (size_t k = 0; k < n; k++) e += a[i][k] * (x[k] - p[i][k]) * (x[k] - p[i][k]);
		sum += hartmann_c[i] * exp(-e);
	}
	return -sum;
}

static double hartmann3(const double *x, size_t n) { return hartmann(x, n, h3_a, h3_p); }
static double hartmann6(const double *x, size_t n) { return hartmann(x, n, h6_a, h6_p); }

static double branin(const double *x, size_t n)
{
	(void)n;
	double b = x[1] - 5.1 / (4 * M_PI * M_PI) * x[0] * x[0] + 5 / M_PI * x[0] - 6;
	return b * b + 10 * (1 - 1 / (8 * M_PI)) * cos(x[0]) + 10;
}

/* Four real, three whole and three chosen parameters; the first choice moves the place of the others. 0 at the best. */
static double mixed(const double *x, size_t n)
{
	static const double centres[3] = { -0.8, 0.3, 1.1 }, bases[3] = { 0.5, 0, 0.8 }, second[4] = { 0.6, 0.2, 0, 0.9 },
		third[5] = { 0.3, 0.7, 0.15, 0, 0.5 };
	static const double best[3] = { 3, 11, 7 };
	double centre = centres[(int)x[7]], sum = 0;
	(void)n;
	double value = bases[(int)x[7]] + second[(int)x[8]] + third[(int)x[9]] * (1 + fabs(x[1] - centre * cos(1)));
	for (int k = 0; k < 4; k++) sum += (k + 1) * (x[k] - centre * cos(k)) * (x[k] - centre * cos(k));
	value += sum / 2;
	for (int j = 0; j < 3; j++) value += (x[4 + j] - best[j]) / 6 * ((x[4 + j] - best[j]) / 6);
	value += 0.15 * fabs(x[4] - x[5] + 8);
	return value + 0.2 * (1 - cos(3 * M_PI * (x[0] - centre)));
}

static double ackley(const double *x, size_t n)
{
	double squares = 0, waves = 0;
	for (size_t k = 0; k < n; k++) {
		double v = x[k] - 0.7 * (double)(k + 1) / (double)n;
		squares += v * v, waves += cos(2 * M_PI * v);
	}
	return -20 * exp(-0.2 * sqrt(squares / (double)n)) - exp(waves / (double)n) + 20 + M_E;
}

static double rosenbrock(const double *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i + 1 < n; i++) sum += 100 * (x[i + 1] - x[i] * x[i]) * (x[i + 1] - x[i] * x[i]) + (1 - x[i]) * (1 - x[i]);
	return sum;
}

static double styblinski(const double *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum += pow(x[i], 4) - 16 * x[i] * x[i] + 5 * x[i];
	return sum / 2;
}

static double michalewicz(const double *x, size_t n)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) sum -= sin(x[i]) * pow(sin((double)(i + 1) * x[i] * x[i] / M_PI), 20);
	return sum;
}

static double levy(const double *x, size_t n)
{
	double w = 1 + (x[0] - 1) / 4, sum = sin(M_PI * w) * sin(M_PI * w);
	for (size_t i = 0; i < n; i++) {
		w = 1 + (x[i] - 1) / 4;
		double wave = i + 1 < n ? 10 * sin(M_PI * w + 1) * sin(M_PI * w + 1) : sin(2 * M_PI * w) * sin(2 * M_PI * w);
		sum += (w - 1) * (w - 1) * (1 + wave);
	}
	return sum;
}

/* As a network's error looks: rate and decay go together on a logarithmic scale, width and depth are whole, optimiser and activation chosen. */
static double machine(const double *x, size_t n)
{
	static const double rates[3] = { -3.0, -1.6, -2.5 }, optimisers[3] = { 0, 0.03, 0.015 }, activations[2] = { 0.02, 0 };
	double off = log10(x[0]) - rates[(int)x[5]], a = off + 0.1 * (x[4] - 4), b = log10(x[1]) + 4 + 0.4 * off, c = log2(x[3]) - 6.5;
	(void)n;
	double e = 0.08 * a * a + 0.02 * b * b + 0.3 * (x[2] - 0.2) * (x[2] - 0.2) + 0.03 * c * c + 0.01 * fabs(x[4] - 4) +
	           optimisers[(int)x[5]] + activations[(int)x[6]];
	return 0.05 + 1 - exp(-e);
}

/* Parameters as KIND:MIN:MAX, r real, l logarithmic, i whole, c choices. */
static const struct function { const char *name; double (*f)(const double *x, size_t n); const char *space; double least, noise; } functions[] = {
	{ "branin", branin, "r:-5:10 r:0:15", 0.39788735772973816, 0 },
	{ "hartmann6", hartmann6, "r:0:1 r:0:1 r:0:1 r:0:1 r:0:1 r:0:1", -3.322368011391339, 0 },
	{ "mixed10", mixed, "r:-2:2 r:-2:2 r:-2:2 r:-2:2 i:0:15 i:0:15 i:0:15 c:0:3 c:0:4 c:0:5", 0, 0 },
	{ "noisy3", hartmann3, "r:0:1 r:0:1 r:0:1", -3.862779786949339, 0.2 },
	/* kept apart: choices of method are made on these */
	{ "ackley5", ackley, "r:-5:5 r:-5:5 r:-5:5 r:-5:5 r:-5:5", 0, 0 },
	{ "rosenbrock4", rosenbrock, "r:-2:2 r:-2:2 r:-2:2 r:-2:2", 0, 0 },
	{ "styblinski4", styblinski, "r:-5:5 r:-5:5 r:-5:5 r:-5:5", -39.16616570377142 * 4, 0 },
	{ "michalewicz5", michalewicz, "r:0:3.141592653589793 r:0:3.141592653589793 r:0:3.141592653589793 r:0:3.141592653589793 r:0:3.141592653589793",
	  -4.687658179, 0 },
	{ "levy4", levy, "r:-10:10 r:-10:10 r:-10:10 r:-10:10", 0, 0 },
	{ "machine7", machine, "l:1e-5:1 l:1e-7:1e-1 r:0:0.8 i:8:512 i:1:12 c:0:3 c:0:2", 0.05, 0 },
	{ "noisymachine7", machine, "l:1e-5:1 l:1e-7:1e-1 r:0:0.8 i:8:512 i:1:12 c:0:3 c:0:2", 0.05, 0.02 },
	{ "noisylevy2", levy, "r:-10:10 r:-10:10", 0, 1.0 },
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static double least_of(const struct function *f)
{
	return f->f == machine ? 0.05 + 1 - exp(-0.03 * (log2(91) - 6.5) * (log2(91) - 6.5)) : f->least;
}

static int make_space(c5_space *s, const char *text)
{
	int err = C5_OK;
	memset(s, 0, sizeof *s);
	for (const char *p = text; err == C5_OK && *p;) {
		char name[16], kind;
		double a, b;
		int used;
		if (sscanf(p, " %c:%lf:%lf%n", &kind, &a, &b, &used) != 3) return c5_fail(C5_EFAIL, "%s: no space", p);
		snprintf(name, sizeof name, "x%zu", s->n);
		err = kind == 'c' ? c5_space_add_choice(s, name, (size_t)b, NULL)
		                  : c5_space_add(s, name, kind == 'i' ? C5_PARAM_WHOLE : C5_PARAM_REAL, a, b, kind == 'l', 0);
		p += used;
	}
	return err < 0 ? err : c5_space_settle(s);
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int run_one(const struct function *f, const char *algorithm, uint32_t trials, uint64_t seed)
{
	c5_space space;
	c5_history h;
	c5_sampler sampler = { .algorithm = algorithm, .seed = seed };
	double values[C5_SPACE_MOST], *course = NULL, begun = seconds(), spent = 0;
	int err = make_space(&space, f->space);
	c5_history_init(&h, &space, false);
	if (err < 0 || (err = c5_sampler_check(&sampler, &space)) < 0 || (err = c5_alloc(&course, trials, sizeof *course)) < 0) goto done;
	for (uint32_t i = 1; i <= trials; i++) {
		char origin[C5_ORIGIN_TEXT];
		c5_trial *t;
		c5_random noise;
		if ((err = c5_sampler_next(&sampler, &h, i, values, origin)) < 0 || (err = c5_history_add(&h, i, values, origin, &t)) < 0) goto done;
		c5_random_start(&noise, 7919 * seed + 1, i);
		t->value = f->f(values, space.n) + (f->noise > 0 ? f->noise * c5_random_normal(&noise) : 0);
		t->state = C5_TRIAL_COMPLETE;
		double before = seconds(); /* recommending each time is the bench's wish, not the search's */
		const c5_trial *best = f->noise > 0 ? c5_sampler_recommend(&sampler, &h) : c5_history_best(&h);
		course[i - 1] = f->f(best->values, space.n) - least_of(f);
		spent += seconds() - before;
	}
	printf("{\"function\": \"%s\", \"method\": \"cyto5-%s\", \"seed\": %llu, \"regret\": %.17g, \"course\": [", f->name, algorithm,
		(unsigned long long)seed, course[trials - 1]);
	for (uint32_t i = 0; i < trials; i++) printf("%s%.17g", i ? ", " : "", course[i]);
	printf("], \"seconds\": %.4g}\n", seconds() - begun - spent);
	fflush(stdout);
done:
	free(course);
	c5_history_free(&h);
	c5_space_free(&space);
	return err;
}

/* Between 0.2 and 2 s, by the number of a trial: all searches sleep alike. */
static void sleep_for(uint64_t trial)
{
	uint64_t h = (trial + 1) * UINT64_C(0x94d049bb133111eb);
	h = (h ^ (h >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
	usleep((useconds_t)(200000 + (h >> 20) % 1800000));
}

static const struct function *find(const char *name)
{
	for (size_t i = 0; i < FUNCTIONS; i++)
		if (strcmp(functions[i].name, name) == 0) return &functions[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct function *f = argc > 2 ? find(argv[2]) : NULL;
	int err = C5_OK;
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < FUNCTIONS; i++) puts(functions[i].name);
	} else if (f && argc == 3 && strcmp(argv[1], "least") == 0) printf("%.17g\n", least_of(f));
	else if (f && argc > 4 && (strcmp(argv[1], "value") == 0 || strcmp(argv[1], "slow") == 0)) {
		double x[C5_SPACE_MOST] = { 0 };
		int first = argv[1][0] == 's' ? 4 : 3;
		for (int i = first; i < argc && i < first + C5_SPACE_MOST; i++) x[i - first] = atof(argv[i]);
		if (first == 4) sleep_for(strtoull(argv[3], NULL, 10));
		printf("%.17g\n", f->f(x, (size_t)(argc - first)));
	} else if (f && argc > 5 && strcmp(argv[1], "run") == 0) {
		for (int i = 5; err == C5_OK && i < argc; i++) err = run_one(f, argv[3], (uint32_t)atoi(argv[4]), strtoull(argv[i], NULL, 10));
	} else {
		fprintf(stderr, "bench_search: run FUNCTION ALGORITHM TRIALS SEED ... | value FUNCTION NUMBER ... | slow FUNCTION TRIAL NUMBER ... | least "
			"FUNCTION | list\n");
		return 2;
	}
	if (err < 0) fprintf(stderr, "bench_search: %s\n", c5_error_last());
	return c5_exit_status(err);
}
