/* graph.h – a model lowered to operations of a backend: values (tensors), nodes (operations), and where each lives in one block of memory.
 * Private to the engine (net.c, net_pass.c, net_step.c).
 *
 * Time for the memory plan: node i runs forward at time i, losses at n, node i runs backward at 2n - i, and reading is at 2n + 1. */
#ifndef C5_NN_GRAPH_H
#define C5_NN_GRAPH_H

#include "nn/backend.h"

typedef struct c5_value {
	c5_desc desc;
	int layer;               /* whose output it is; -1 in-between */
	int maker;               /* node; -1 an input of the model */
	bool input, pinned;      /* pinned: an output or tapped, stays readable */
	bool seeded;             /* a loss may write its gradient: an output, or the logits of one */
	bool tapped, aliased;    /* aliased: the output of several layers (a dropout in inference, a flatten) */
	bool grad_guard;         /* its maker's backward must not write over its gradient */
	bool want_grad;
	int n_users, first_user, last_user; /* nodes; n_users counts edges */
	int share, grad_share;   /* the value whose buffer it uses; -1 its own */
	size_t at, grad_at;      /* in the arena */
	void *data, *grad;
} c5_value;

typedef struct c5_node_param {
	int layer, param;        /* of the model */
	bool trained;            /* has a place in the flat buffers, else in `kept` */
	size_t at;               /* floats into the flat buffers, or bytes into `kept` */
	size_t floats;           /* its length there, padding counted (trained) */
} c5_node_param;

typedef struct c5_node {
	c5_op *op;
	int layer;               /* whose parameters it has; -1 */
	int fold;                /* batch norm folded into it; -1 */
	int n_in, in[C5_LAYER_INPUTS_MAX], out;
	c5_node_param param[C5_LAYER_PARAMS_MAX];
	bool backward;           /* takes part in the backward pass */
	size_t workspace_at, temporary_at[C5_LAYER_INPUTS_MAX], derived_at; /* in the arena; derived: in its own block */
	size_t statistics_at;    /* floats */
	c5_op_args args;
	bool adds[C5_LAYER_INPUTS_MAX]; /* an input's gradient may have been written before: then it goes to temporary and is added */
	void *temporary[C5_LAYER_INPUTS_MAX];
} c5_node;

typedef struct c5_output {
	int value, logits;       /* logits: -1 none */
	int head;                /* the node from logits to value: skipped backward when the loss wrote at the logits; -1 */
} c5_output;

typedef struct c5_graph {
	struct c5_device *device;
	const c5_model *model;
	c5_net_how how;
	c5_value *values;
	c5_node *nodes;
	size_t n_values, cap_values, n_nodes, cap_nodes;
	int *of_layer;           /* value of each layer; -1: none (fused away or not needed) */
	c5_output output[C5_LAYER_INPUTS_MAX];
	size_t flat;             /* floats in the flat buffers */
	size_t kept, derived, arena, scratch; /* bytes */
	size_t statistics;       /* floats */
} c5_graph;

/* Lowers the model; the graph keeps pointers to model and device. On failure the graph is freed. */
int c5_graph_build(c5_graph *g, struct c5_device *d, const c5_model *m, const c5_net_how *how);
void c5_graph_free(c5_graph *g);
/* Gives every buffer its place: fills the `*_at`s and the sizes. */
int c5_graph_plan(c5_graph *g);

#endif
