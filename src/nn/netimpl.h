/* netimpl.h – the inside of a net; private to net.c (making, weights, arrays in and out), net_pass.c (forward, losses, backward) and net_step.c
 * (optimiser, its state, running statistics). */
#ifndef C5_NN_NETIMPL_H
#define C5_NN_NETIMPL_H

#include "nn/graph.h"

/* A tapped layer's values or gradients as plain float32: a conversion made when the net is, and where it writes. */
typedef struct c5_tap { int layer, value; c5_op *op; void *workspace; } c5_tap;

struct c5_net {
	c5_device *device;
	c5_model *model;              /* a copy */
	c5_graph graph;
	size_t bytes;
	/* device memory */
	uint8_t *arena, *kept, *derived;
	void *scratch;
	float *w, *g;                 /* flat: masters, gradients */
	float *statistics;            /* of this pass' batch norms */
	float *m, *v, *average;       /* optimiser: taken at the first step that needs them */
	float *plain;                 /* one array or value as plain float32: loading, saving, taps */
	size_t plain_floats;
	float *targets[C5_LAYER_INPUTS_MAX], *item_weight, *class_weight[C5_LAYER_INPUTS_MAX]; /* copies where the device cannot read the host's */
	void *loss_scratch;
	/* host */
	float *host_g;                /* gradients on the host; = g where the device's memory is the host's */
	bool fetched;                 /* host_g holds this pass' gradients */
	c5_tap *taps;
	int n_taps;
	bool *written, *written_before; /* per value: has a gradient in this pass; when its backward part began */
	c5_pass pass;
	void *forward_slot, *backward_slot;
	uint64_t seeds;               /* which gradients were seeded when backward_slot was recorded */
	int64_t steps;
	bool timing;
	c5_net_times times;
};

size_t c5_net_param_count(const c5_node *n, int p); /* numbers of the canonical array */
void *c5_net_param_at(const c5_net *net, const c5_node *n, int p);
/* Between an array on the device and canonical float32 on the host. */
int c5_net_param_get(const c5_net *net, const c5_desc *d, const void *at, float *out);
int c5_net_param_put(const c5_net *net, const c5_desc *d, void *at, const float *in);
int c5_net_refresh(c5_net *net, bool copied); /* copied: what is a mere copy of masters has been made */

#endif
