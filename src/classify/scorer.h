/* scorer.h – trained models that give crops the probabilities of their classes.
 *
 * Crops are prepared as the model's training prepared them (train/prepare.h: the one code path), in batches of one size, the last filled up with
 * zeros. Batches are cut by the crops' numbers: crop i is always place i % batch of its batch, so that its probabilities do not depend on who
 * scores what else. The device works on one batch while the next is read and prepared (a GPU answers before it is done; a CPU uses all its
 * threads for either). */
#ifndef C5_CLASSIFY_SCORER_H
#define C5_CLASSIFY_SCORER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/model.h"
#include "nn/net.h"
#include "nn/weights.h"
#include "train/prepare.h"

/* One model. */
typedef struct c5_member {
	char *name;                 /* "senescence/r000003", for messages and records */
	c5_model *model;
	c5_weights *weights;
	c5_prepare prepare;
	double temperature;         /* its logits are divided by it; 1: as they are */
} c5_member;
void c5_member_free(c5_member *m); /* what it points at */

typedef struct c5_scorer c5_scorer;

/* Borrows the members (one or more, all with the same number of classes) and the device. batch: at most; halved until the device has the memory.
 * C5_EINPUT when a model's output is no list of class probabilities, or its inputs are not what its preparation makes. */
int c5_scorer_open(c5_scorer **out, c5_device *device, const c5_member *members, size_t n, int batch, int precision);
void c5_scorer_close(c5_scorer *s);          /* NULL is fine */
/* Each crop is looked at in so many ways, 1 (as it is) to 8, and a member's answer is the mean of what it says to them, before its temperature:
 * mirrored left-right, up-down, both, and these four transposed, which square crops alone can be (others stay at 4). A cell has no top. */
#define C5_VIEWS_MOST 8
int c5_scorer_views(c5_scorer *s, int views);
/* Members with quiet[k] are not asked (their answers are left as they are) until this is called again; borrowed, NULL: all are. */
void c5_scorer_quiet(c5_scorer *s, const uint8_t *quiet);
int c5_scorer_classes(const c5_scorer *s);
int c5_scorer_batch(const c5_scorer *s);     /* what it came to */

/* Crops of one array: their channels ("phase,srs"), type and size. C5_ENOTFOUND names a channel that is missing. */
int c5_scorer_bind(c5_scorer *s, const char *channels, int n_channels, int dtype, int height, int width);
/* Member `k` is shown the middle height x width px of each crop bound, instead of the whole of it; 0: the whole, as c5_scorer_bind leaves it.
 * C5_EINPUT: the crops are smaller. */
int c5_scorer_window(c5_scorer *s, size_t k, int height, int width);
/* Which of a member's channels the bound crops lack; the number of them. */
int c5_scorer_lacks(const c5_scorer *s, size_t member);

/* Scores crops first .. first+n-1 of those bound; `first` is a multiple of the batch. read: fills pixels of crops [at, at + count).
 * prob: (members, n, classes), each member the mean of its views, calibrated by its temperature. poll: between batches, may be NULL; an error ends
 * it. */
typedef int c5_scorer_read(void *ctx, uint64_t at, uint64_t count, void *pixels);
typedef int c5_scorer_poll(void *ctx);
int c5_scorer_run(c5_scorer *s, uint64_t first, uint64_t n, c5_scorer_read *read, c5_scorer_poll *poll, void *ctx, float *prob);

/* The two halves of it, for who changes crops in between (explain/): what member `k` takes of n crops, (n, channels, height, width) as its
 * preparation says; and its answers to n <= batch of these, (n, classes). */
int c5_scorer_prepare(c5_scorer *s, size_t k, const void *pixels, size_t n, float *inputs);
int c5_scorer_answer(c5_scorer *s, size_t k, const float *inputs, size_t n, float *prob);
/* Sets the inputs of a net of this member from prepared crops; split: scratch, n * channels * height * width. */
int c5_member_input(const c5_member *m, c5_net *net, const float *inputs, size_t n, float *split);
const c5_member *c5_scorer_member(const c5_scorer *s, size_t k);
size_t c5_scorer_members(const c5_scorer *s);

#endif
