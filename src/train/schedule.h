/* schedule.h – how the learning rate goes through training: a function of how far it has come. */
#ifndef C5_TRAIN_SCHEDULE_H
#define C5_TRAIN_SCHEDULE_H

enum c5_schedule_kind {
	C5_RATE_CONSTANT,
	C5_RATE_STEP,         /* times `factor` every `every` epochs */
	C5_RATE_EXPONENTIAL,  /* times `factor` an epoch, step by step */
	C5_RATE_COSINE,       /* half a cosine from the rate to rate * last (Loshchilov & Hutter 2017) */
	C5_RATE_PLATEAU,      /* times `factor` whenever validation has not got better for `every` epochs */
	C5_SCHEDULES
};

typedef struct c5_schedule {
	int kind;             /* enum c5_schedule_kind */
	double rate;          /* the highest */
	double factor, every; /* step, exponential, plateau */
	double last;          /* cosine: share of the rate left at the end */
	double warm_up;       /* epochs in which the rate rises from 0, in a line */
	double epochs;        /* of the whole training */
} c5_schedule;

/* The rate at `epoch`, a real number: 2.5 is half-way through the third. `plateaus`: how often validation stood still so far. */
double c5_schedule_rate(const c5_schedule *s, double epoch, int plateaus);
/* "constant", "step", "exponential", "cosine", "plateau": -1 for none of them. */
int c5_schedule_find(const char *name);

#endif
