/* feed_crops.h – crops with classes as a feed of the trainer: prepared, augmented, drawn so that rare classes count. */
#ifndef C5_TRAIN_FEED_CROPS_H
#define C5_TRAIN_FEED_CROPS_H

#include "train/augment.h"
#include "train/dataset.h"
#include "train/feed.h"
#include "train/prepare.h"

enum c5_balance {
	C5_BALANCE_NONE,
	C5_BALANCE_WEIGHT,    /* each class weighs the same in the loss */
	C5_BALANCE_SAMPLE     /* each class is drawn alike often */
};

typedef struct c5_crop_feed {
	const c5_prepare *prepare;
	const c5_augment *augment;
	int balance;              /* enum c5_balance */
	int n_inputs;             /* of the model; its channels follow each other in the prepared crop */
	int input_channels[C5_FEED_PORTS];
	size_t per_epoch;         /* crops drawn an epoch; 0: as many as there are */
	const float *class_weight; /* (classes) in the loss, as multiples of what balance gives; NULL: 1 */
} c5_crop_feed;

/* Items with part C5_PART_TRAIN and C5_PART_VALIDATE. One target: the class, one-hot (n_classes). Judged by accuracy, balanced_accuracy and auc (two
 * classes: of the second; more: mean of each against the rest). All is borrowed. C5_ENOTFOUND when crops lack a channel, C5_EINPUT when they lie in
 * different sizes than p->prepare takes and `resize` is false: names the crops, both sizes and --resize. */
int c5_feed_crops(c5_feed **out, const c5_crop_feed *how, c5_dataset *d, const uint8_t *part, bool resize);
void c5_feed_crops_free(c5_feed *f); /* NULL is fine */

/* Mean and deviation of each channel over the training crops as they are prepared but not scaled, summed in order: p->mean, p->sd. At most `most`
 * crops, spread evenly; 0: all. */
int c5_prepare_measure(c5_prepare *p, c5_dataset *d, const uint8_t *part, size_t most);

/* accuracy, balanced_accuracy, auc (as a feed's judge) and more of probabilities (n, classes): log_loss, and calibration_error (Guo et al. 2017: of
 * the most probable class, in 15 equal bins). names and values have room for 8; returns how many, or an error. */
int c5_class_figures(const float *prob, const int32_t *label, size_t n, size_t classes, const char *names[8], double values[8]);

#endif
