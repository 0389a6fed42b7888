/* gp.c – see gp.h. Matrices are column-major, as LAPACK has them; of symmetric ones the lower triangle. */
#include "hyperopt/gp.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/random.h"
#include "hyperopt/gp_prior.h"

#define SQRT5 2.2360679774997896964
#define WORST 1e10 /* what a fit is told where there is no likelihood */

struct c5_gp {
	size_t n, d, cap;
	bool *choice;      /* (d) */
	double *x;         /* (cap, d) */
	double *y;         /* (cap) */
	double *logs;      /* (d + 2) */
	double *factor;    /* (cap, cap) Cholesky factor of the covariance, leading dimension cap */
	double *weights;   /* (cap) covariance^-1 (y - mean) */
	double *scratch;   /* (2 cap) */
	double mean, evidence;
};

/* What a fit works with. */
typedef struct fit {
	const c5_gp_data *data;
	double *squares;          /* (d, n, n) squared differences */
	double *k, *inverse;      /* (n, n) */
	double *w, *u;            /* (n) */
	double *shape;            /* (n, n) of the pairs, the part of dk/dlog(length) that all lengths share */
	double mean;
} fit;

static double square_of(bool choice, double a, double b) { return choice ? (double)(a != b) : (a - b) * (a - b); }

static double matern(double r2)
{
	double r = SQRT5 * sqrt(r2);
	return (1 + r + r * r / 3) * exp(-r);
}

/* ---- likelihood ---- */

/* Covariance with noise into k, lower triangle. */
static void fill_covariance(fit *f, const double *logs)
{
	size_t n = f->data->n, d = f->data->d;
	double signal = exp(logs[d]), noise = exp(logs[d + 1]), weight[C5_GP_MOST];
	for (size_t c = 0; c < d; c++) weight[c] = exp(-2 * logs[c]);
	for (size_t j = 0; j < n; j++) {
		for (size_t i = j; i < n; i++) {
			double r2 = 0;
			for (size_t c = 0; c < d; c++) r2 += weight[c] * f->squares[(c * n + j) * n + i];
			double r = SQRT5 * sqrt(r2), e = signal * exp(-r);
			f->k[j * n + i] = (1 + r + r * r / 3) * e;
			f->shape[j * n + i] = 5.0 / 3 * (1 + r) * e;
		}
		f->k[j * n + j] += noise;
	}
}

/* The factor in k, then the least-squares mean and w = k^-1 (y - mean). False if k is not positive. */
static bool solve(fit *f, double *log_det, double *fit_term)
{
	lapack_int n = (lapack_int)f->data->n;
	if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', n, f->k, n) != 0) return false;
	double ones = 0, along = 0;
	*log_det = 0;
	for (lapack_int i = 0; i < n; i++) {
		*log_det += log(f->k[i * n + i]);
		f->w[i] = f->data->y[i];
		f->u[i] = 1;
	}
	/* L^-1 1 and L^-1 y: the mean is their regression. */
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, f->k, n, f->u, 1);
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, f->k, n, f->w, 1);
	for (lapack_int i = 0; i < n; i++) ones += f->u[i] * f->u[i], along += f->u[i] * f->w[i];
	f->mean = along / ones;
	*fit_term = 0;
	for (lapack_int i = 0; i < n; i++) {
		f->w[i] -= f->mean * f->u[i];
		*fit_term += f->w[i] * f->w[i];
	}
	cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, f->k, n, f->w, 1);
	return isfinite(*log_det) && isfinite(*fit_term);
}

/* d(likelihood)/d(logs) = 1/2 tr((w w' - k^-1) dk/dlogs); the mean is at its best already and adds nothing. */
static bool add_gradient(fit *f, const double *logs, double *grad)
{
	size_t n = f->data->n, d = f->data->d;
	double noise = exp(logs[d + 1]);
	memcpy(f->inverse, f->k, n * n * sizeof *f->inverse);
	if (LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', (lapack_int)n, f->inverse, (lapack_int)n) != 0) return false;
	double trace = 0, shrink[C5_GP_MOST], all = 0;
	for (size_t i = 0; i < n; i++) trace += f->w[i] * f->w[i] - f->inverse[i * n + i];
	for (size_t j = 0; j < n; j++) /* tr((ww' - k^-1)(k - noise)) = w'(y - mean) - n - noise tr(...); w'kw by y - mean = k w */
		all += f->w[j] * f->data->y[j] - f->w[j] * f->mean;
	for (size_t c = 0; c < d; c++) {
		double sum = 0;
		const double *s = f->squares + c * n * n;
		for (size_t j = 0; j < n; j++)
			for (size_t i = j + 1; i < n; i++) sum += (f->w[i] * f->w[j] - f->inverse[j * n + i]) * f->shape[j * n + i] * s[j * n + i];
		shrink[c] = sum * exp(-2 * logs[c]); /* both triangles, halved */
	}
	for (size_t c = 0; c < d; c++) grad[c] += shrink[c];
	grad[d] += 0.5 * (all - (double)n - noise * trace);
	grad[d + 1] += 0.5 * noise * trace;
	return true;
}

/* For NLopt, which makes it small: minus the log posterior. */
static double minus_evidence(unsigned m, const double *logs, double *grad, void *data)
{
	fit *f = data;
	size_t n = f->data->n;
	double log_det, fit_term, up[C5_GP_MOST + 2] = { 0 };
	if (grad) memset(grad, 0, m * sizeof *grad);
	fill_covariance(f, logs);
	if (!solve(f, &log_det, &fit_term)) return WORST;
	double value = -0.5 * fit_term - log_det - 0.5 * (double)n * log(2 * M_PI);
	if (grad && !add_gradient(f, logs, up)) return WORST;
	value += c5_gp_prior(f->data->d, f->data->choice, logs, grad ? up : NULL);
	for (unsigned i = 0; grad && i < m; i++) grad[i] = -up[i];
	return isfinite(value) ? -value : WORST;
}

/* ---- fitting ---- */

static void free_fit(fit *f)
{
	free(f->squares);
	free(f->k);
	free(f->inverse);
	free(f->shape);
	free(f->w);
	free(f->u);
}

static int open_fit(fit *f, const c5_gp_data *data)
{
	size_t n = data->n, d = data->d;
	int err;
	memset(f, 0, sizeof *f);
	f->data = data;
	if (n == 0 || d == 0 || d > C5_GP_MOST) return c5_fail(C5_EFAIL, "a Gaussian process of %zu points and %zu parameters", n, d);
	if ((err = c5_alloc(&f->squares, d * n, n * sizeof *f->squares)) < 0 || (err = c5_alloc(&f->k, n, n * sizeof *f->k)) < 0 ||
	    (err = c5_alloc(&f->inverse, n, n * sizeof *f->inverse)) < 0 || (err = c5_alloc(&f->shape, n, n * sizeof *f->shape)) < 0 ||
	    (err = c5_alloc(&f->w, n, sizeof *f->w)) < 0 || (err = c5_alloc(&f->u, n, sizeof *f->u)) < 0)
		return err;
	for (size_t c = 0; c < d; c++)
		for (size_t j = 0; j < n; j++)
			for (size_t i = 0; i < n; i++) f->squares[(c * n + j) * n + i] = square_of(data->choice[c], data->x[i * d + c], data->x[j * d + c]);
	return C5_OK;
}

int c5_gp_judge(const c5_gp_data *data, const double *logs, double *evidence, double *gradient)
{
	fit f;
	int err = open_fit(&f, data);
	if (err == C5_OK) {
		*evidence = -minus_evidence((unsigned)data->d + 2, logs, gradient, &f);
		for (size_t i = 0; gradient && i < data->d + 2; i++) gradient[i] = -gradient[i];
		if (*evidence <= -WORST) err = c5_fail(C5_EFAIL, "a covariance of %zu points has no Cholesky factor", data->n);
	}
	free_fit(&f);
	return err;
}

/* From `logs` to the nearest best; the value there. */
static double climb(fit *f, const double *lower, const double *upper, double *logs, nlopt_algorithm algorithm, int most)
{
	unsigned m = (unsigned)f->data->d + 2;
	double value = WORST;
	nlopt_opt opt = nlopt_create(algorithm, m);
	if (!opt) return value;
	nlopt_set_min_objective(opt, minus_evidence, f);
	nlopt_set_lower_bounds(opt, lower);
	nlopt_set_upper_bounds(opt, upper);
	nlopt_set_maxeval(opt, most);
	nlopt_set_ftol_abs(opt, 1e-5);
	nlopt_set_xtol_abs1(opt, 1e-4);
	for (unsigned i = 0; i < m; i++) logs[i] = fmin(fmax(logs[i], lower[i]), upper[i]);
	double before = minus_evidence(m, logs, NULL, f), start[C5_GP_MOST + 2];
	memcpy(start, logs, m * sizeof *logs);
	nlopt_result got = nlopt_optimize(opt, logs, &value);
	nlopt_destroy(opt);
	if ((got < 0 && got != NLOPT_ROUNDOFF_LIMITED) || !(value <= before)) {
		value = minus_evidence(m, logs, NULL, f); /* L-BFGS gives up now and then, having gone some way */
		if (!(value <= before)) {
			memcpy(logs, start, m * sizeof *logs);
			value = before;
		}
	}
	return value;
}

static void random_start(double *logs, const c5_gp_data *data, c5_random *r)
{
	for (size_t c = 0; c < data->d; c++) logs[c] = log(0.1) + c5_random_uniform(r) * (log(3) - log(0.1));
	logs[data->d] = 0;
	logs[data->d + 1] = log(1e-6) + c5_random_uniform(r) * (log(0.3) - log(1e-6));
}

int c5_gp_fit(c5_gp **out, const c5_gp_data *data, const c5_gp_setup *setup)
{
	fit f;
	double lower[C5_GP_MOST + 2], upper[C5_GP_MOST + 2], best[C5_GP_MOST + 2], logs[C5_GP_MOST + 2], value, least = INFINITY;
	unsigned m = (unsigned)data->d + 2;
	c5_random r;
	int err = open_fit(&f, data);
	if (err < 0) goto done;
	c5_gp_bounds(data->d, setup->noise_least, lower, upper);
	c5_random_start(&r, setup->seed, setup->item);
	for (int k = setup->first ? -1 : 0; k < setup->starts; k++) {
		if (k < 0) memcpy(logs, setup->first, m * sizeof *logs);
		else if (k == 0) c5_gp_prior_middle(data->d, data->choice, logs);
		else random_start(logs, data, &r);
		value = climb(&f, lower, upper, logs, NLOPT_LD_LBFGS, 120);
		if (value < least) {
			least = value;
			memcpy(best, logs, m * sizeof *logs);
		}
	}
	if (least >= WORST) { /* nothing to hold on to by gradients */
		c5_gp_prior_middle(data->d, data->choice, best);
		least = climb(&f, lower, upper, best, NLOPT_LN_SBPLX, 600);
	}
	if ((err = c5_gp_make(out, data, best)) == C5_OK) (*out)->evidence = -least;
done:
	free_fit(&f);
	return err;
}

/* ---- the process ---- */

static int grow(c5_gp *gp, size_t need)
{
	if (need <= gp->cap) return C5_OK;
	size_t cap = need + 16;
	double *x, *y, *factor, *weights, *scratch;
	int err;
	x = y = factor = weights = scratch = NULL;
	if ((err = c5_alloc(&x, cap, gp->d * sizeof *x)) < 0 || (err = c5_alloc(&y, cap, sizeof *y)) < 0 ||
	    (err = c5_alloc(&factor, cap, cap * sizeof *factor)) < 0 || (err = c5_alloc(&weights, cap, sizeof *weights)) < 0 ||
	    (err = c5_alloc(&scratch, cap, 2 * sizeof *scratch)) < 0) {
		free(x), free(y), free(factor), free(weights), free(scratch);
		return err;
	}
	if (gp->n) {
		memcpy(x, gp->x, gp->n * gp->d * sizeof *x);
		memcpy(y, gp->y, gp->n * sizeof *y);
		for (size_t j = 0; j < gp->n; j++) memcpy(factor + j * cap, gp->factor + j * gp->cap, gp->n * sizeof *factor);
	}
	free(gp->x), free(gp->y), free(gp->factor), free(gp->weights), free(gp->scratch);
	gp->x = x, gp->y = y, gp->factor = factor, gp->weights = weights, gp->scratch = scratch;
	gp->cap = cap;
	return C5_OK;
}

static double covariance(const c5_gp *gp, const double *a, const double *b)
{
	double r2 = 0;
	for (size_t c = 0; c < gp->d; c++) r2 += exp(-2 * gp->logs[c]) * square_of(gp->choice[c], a[c], b[c]);
	return exp(gp->logs[gp->d]) * matern(r2);
}

static void weigh(c5_gp *gp)
{
	int n = (int)gp->n, ld = (int)gp->cap;
	for (size_t i = 0; i < gp->n; i++) gp->weights[i] = gp->y[i] - gp->mean;
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, n, gp->factor, ld, gp->weights, 1);
	cblas_dtrsv(CblasColMajor, CblasLower, CblasTrans, CblasNonUnit, n, gp->factor, ld, gp->weights, 1);
}

/* Covariance of all points and its factor; noise is raised until there is one. */
static int factorise(c5_gp *gp)
{
	double noise = exp(gp->logs[gp->d + 1]), least = 1e-12 * exp(gp->logs[gp->d]);
	for (int tries = 0; tries < 12; tries++) {
		for (size_t j = 0; j < gp->n; j++) {
			for (size_t i = j; i < gp->n; i++) gp->factor[j * gp->cap + i] = covariance(gp, gp->x + i * gp->d, gp->x + j * gp->d);
			gp->factor[j * gp->cap + j] += noise;
		}
		if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', (lapack_int)gp->n, gp->factor, (lapack_int)gp->cap) == 0) {
			gp->logs[gp->d + 1] = log(noise);
			return C5_OK;
		}
		noise = fmax(noise * 10, least);
	}
	return c5_fail(C5_EFAIL, "a covariance of %zu trials has no Cholesky factor", gp->n);
}

int c5_gp_make(c5_gp **out, const c5_gp_data *data, const double *logs)
{
	c5_gp *gp;
	int err = c5_alloc(&gp, 1, sizeof *gp);
	if (err < 0) return err;
	gp->d = data->d;
	if ((err = c5_alloc(&gp->choice, gp->d, sizeof *gp->choice)) < 0 || (err = c5_alloc(&gp->logs, gp->d + 2, sizeof *logs)) < 0 ||
	    (err = grow(gp, data->n)) < 0)
		goto done;
	gp->n = data->n;
	memcpy(gp->choice, data->choice, gp->d * sizeof *gp->choice);
	memcpy(gp->logs, logs, (gp->d + 2) * sizeof *logs);
	memcpy(gp->x, data->x, gp->n * gp->d * sizeof *gp->x);
	memcpy(gp->y, data->y, gp->n * sizeof *gp->y);
	if ((err = factorise(gp)) < 0) goto done;
	double *u = gp->scratch, *w = gp->scratch + gp->cap, ones = 0, along = 0;
	for (size_t i = 0; i < gp->n; i++) u[i] = 1, w[i] = gp->y[i];
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)gp->n, gp->factor, (int)gp->cap, u, 1);
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)gp->n, gp->factor, (int)gp->cap, w, 1);
	for (size_t i = 0; i < gp->n; i++) ones += u[i] * u[i], along += u[i] * w[i];
	gp->mean = ones > 0 ? along / ones : 0;
	weigh(gp);
done:
	if (err < 0) c5_gp_free(gp);
	else *out = gp;
	return err;
}

void c5_gp_free(c5_gp *gp)
{
	if (!gp) return;
	free(gp->choice);
	free(gp->x);
	free(gp->y);
	free(gp->logs);
	free(gp->factor);
	free(gp->weights);
	free(gp->scratch);
	free(gp);
}

void c5_gp_predict(const c5_gp *gp, const double *x, double *mean, double *sd)
{
	double *k = gp->scratch, below = exp(gp->logs[gp->d]), weight[C5_GP_MOST];
	double signal = below;
	*mean = gp->mean;
	for (size_t c = 0; c < gp->d; c++) weight[c] = exp(-2 * gp->logs[c]);
	for (size_t i = 0; i < gp->n; i++) {
		double r2 = 0;
		const double *p = gp->x + i * gp->d;
		for (size_t c = 0; c < gp->d; c++) r2 += weight[c] * square_of(gp->choice[c], x[c], p[c]);
		k[i] = signal * matern(r2);
		*mean += k[i] * gp->weights[i];
	}
	if (!sd) return;
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)gp->n, gp->factor, (int)gp->cap, k, 1);
	for (size_t i = 0; i < gp->n; i++) below -= k[i] * k[i];
	*sd = sqrt(fmax(below, 1e-14 * signal));
}

int c5_gp_add(c5_gp *gp, const double *x, double y)
{
	int err = grow(gp, gp->n + 1);
	if (err < 0) return err;
	size_t n = gp->n;
	double *row = gp->scratch, corner = exp(gp->logs[gp->d]) + exp(gp->logs[gp->d + 1]);
	memcpy(gp->x + n * gp->d, x, gp->d * sizeof *x);
	gp->y[n] = y;
	for (size_t i = 0; i < n; i++) row[i] = covariance(gp, gp->x + i * gp->d, x);
	cblas_dtrsv(CblasColMajor, CblasLower, CblasNoTrans, CblasNonUnit, (int)n, gp->factor, (int)gp->cap, row, 1);
	for (size_t i = 0; i < n; i++) {
		corner -= row[i] * row[i];
		gp->factor[i * gp->cap + n] = row[i];
	}
	gp->factor[n * gp->cap + n] = sqrt(fmax(corner, 1e-12 * exp(gp->logs[gp->d])));
	gp->n = n + 1;
	weigh(gp);
	return C5_OK;
}

const double *c5_gp_logs(const c5_gp *gp) { return gp->logs; }
double c5_gp_evidence(const c5_gp *gp) { return gp->evidence; }
double c5_gp_mean(const c5_gp *gp) { return gp->mean; }
size_t c5_gp_size(const c5_gp *gp) { return gp->n; }
const double *c5_gp_point(const c5_gp *gp, size_t i) { return gp->x + i * gp->d; }
