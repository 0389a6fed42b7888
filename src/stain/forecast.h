/* forecast.h – how early an outcome is known: the efficiency of the last frame, foretold from each earlier frame, field by field. What was foretold
 * is judged here; who trains and foretells is pipeline/step_forecast.c. */
#ifndef C5_STAIN_FORECAST_H
#define C5_STAIN_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/records.h"

/* One field at one frame. */
typedef struct c5_forecast_row {
	uint32_t field;             /* 0 .. fields - 1: rows of one field are drawn together */
	uint32_t frame;
	double time_s;
	double predicted, recorded; /* share of positive blocks in the last frame */
	double guess;               /* the mean recorded share of the fields that were learnt from: what is known without a look */
	double auc;                 /* of the field's blocks; NAN where all are alike */
} c5_forecast_row;

/* All fields at one frame; low and high: 95 % intervals, whole fields drawn with replacement (Efron & Tibshirani 1993). Undefined is NAN. */
typedef struct c5_forecast_frame {
	uint32_t frame, fields;
	double time_s;
	double pearson, pearson_low, pearson_high; /* predicted with recorded, over fields */
	double mae, mae_low, mae_high;             /* mean distance of both */
	double guess_mae;                          /* the same of the guess: a forecast that is no better knows nothing */
	double auc, auc_low, auc_high;             /* mean over fields that have blocks of both kinds */
} c5_forecast_frame;
extern const c5_record_field c5_forecast_frame_fields[];

/* The line that turns a network's log odds into calibrated ones, line[0] + line[1] x, by maximum likelihood over n blocks (Platt 1999), held to (0,
 * 1) by a weak prior, so that blocks of one kind alone give an answer, too. */
void c5_forecast_calibrate(double line[2], const float *probability, const bool *truth, size_t n);
double c5_forecast_calibrated(const double line[2], double probability);

/* By frame, ascending. Caller frees *out. C5_ENOMEM. */
int c5_forecast_sum(c5_forecast_frame **out, size_t *n, const c5_forecast_row *rows, size_t n_rows, uint64_t seed, int64_t resamples);

/* The first of the frames from which on, and in all later ones too, the lower end of Pearson's interval is at least `least`; n: none. */
size_t c5_forecast_known(const c5_forecast_frame *frames, size_t n, double least);

/* A picture: correlation and AUC over time with their intervals on the left, the mean error beside that of the guess on the right. */
int c5_forecast_plot(c5_buf *to, const c5_forecast_frame *frames, size_t n, double least, const char *marker);

#endif
