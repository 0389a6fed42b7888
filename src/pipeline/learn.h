/* learn.h – from settings to something that can be trained: crops with classes, split, prepared, a network for them with its first weights. Knows the
 * container; knows nothing of ranks. `cyto5 train` and the search of hyper-parameters both come from here. */
#ifndef C5_PIPELINE_LEARN_H
#define C5_PIPELINE_LEARN_H

#include "base/options.h"
#include "container/models.h"
#include "pipeline/labelled.h"
#include "train/feed_crops.h"
#include "train/split.h"
#include "train/train.h"

typedef struct c5_learn_params {
	/* what is kept back */
	double share;               /* of each class, for validation */
	char *validate;             /* globs over groups; NULL: drawn */
	int64_t folds, fold;        /* 0: no folds; fold 0: all, one after another, else that one, from 1 */
	char *split;                /* group | crop */
	bool force_leak;
	/* what sees */
	char *model, *from, *fusion, *features, *freeze, *layer_rates, *channels;
	double width, dropout;
	int64_t size;
	bool resize;
	char *scaling;              /* auto | channel | range | percentile | crop */
	double low, high;
	/* what is asked of it */
	char *loss, *balance, *class_weights;
	double gamma, smoothing;
	int64_t per_epoch, members;
} c5_learn_params;
extern const c5_opt c5_learn_split_opts[], c5_learn_model_opts[], c5_learn_goal_opts[];

/* All settings of a training. */
typedef struct c5_learn_settings {
	c5_labelled_params labelled;
	c5_learn_params learn;
	c5_augment augment;
	c5_train_params train;
} c5_learn_settings;

typedef struct c5_learn {
	const c5_learn_settings *set;     /* borrowed */
	c5_dataset *data;
	c5_model *model;                  /* of all trainings */
	c5_model *from_model;             /* what weights are taken from; NULL: none */
	c5_weights *from;
	char *source;                     /* its address */
	c5_prepare prepare;               /* mean and sd are each fold's own */
	int n_inputs, input_channels[C5_FEED_PORTS];
	bool resize;
	float *layer_rate;                /* (layers), NULL: all 1 */
	float *class_weight;              /* (classes), NULL: all 1 */
	int freeze_upto, taken, left;     /* layers taken over, and not */
	int folds, first_fold, members, n; /* trainings: n = folds * members, fold first_fold + k / members, member k % members */
} c5_learn;

/* Reads what there is and makes the model; says what is wrong before anything is written. Same on every rank. */
int c5_learn_open(c5_learn **out, const char *container, const c5_learn_settings *set);
void c5_learn_close(c5_learn *l);     /* NULL is fine */

/* "NAME", or with members and folds "NAME-2", "NAME-fold1", "NAME-fold1-2"; caller frees. */
char *c5_learn_name(const c5_learn *l, const char *name, int k);

/* What one training needs; c5_learn_end frees it. */
typedef struct c5_learnt {
	uint8_t *part;                    /* (data->n) */
	c5_prepare prepare;
	c5_crop_feed how;
	c5_feed *feed;
	uint64_t seed;
	c5_loss loss;
	c5_weights *weights;
} c5_learnt;
int c5_learn_begin(c5_learn *l, int k, c5_learnt *t);
void c5_learn_end(c5_learnt *t);

/* Texts and tables of training k's model. */
int c5_learn_describe(c5_learn *l, int k, c5_stored_model *s);
/* Which items training k learns from and which it keeps back: part (data->n). */
int c5_learn_part(const c5_learn *l, int k, uint8_t *part);

#endif
