/* kinds.c – the kinds of image, their words, and the network that tells them; see identify.h. */
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "identify/identify.h"

static const struct kind { const char *name, *modality; } kinds[C5_KINDS] = {
	{ "phase", "phase" }, { "brightfield", "brightfield" }, { "dic", "dic" }, { "nuclei", "fluorescence" }, { "structure", "fluorescence" },
};

const char *c5_identify_kind(int kind) { return kinds[kind].name; }
const char *c5_identify_modality(int kind) { return kinds[kind].modality; }

bool c5_identify_agrees(int kind, const char *modality)
{
	static const struct { const char *word; bool bright; } wide[] = { { "srs", true }, { "tpef", true }, { "transmission", false } };
	bool known = false;
	if (!modality) return true;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (!strcmp(modality, wide[i].word)) return wide[i].bright == (kind == C5_KIND_NUCLEI || kind == C5_KIND_STRUCTURE);
	for (int k = 0; k < C5_KINDS; k++) known |= !strcmp(modality, kinds[k].modality);
	return !known || !strcmp(modality, kinds[kind].modality);
}

/* Four halvings to 6 x 6, then the mean over places: what is typical of the tile. */
static const char net[] =
	"name: identify\n"
	"inputs: { image: [1, 96, 96] }\n"
	"layers:\n"
	"  - { name: conv1, conv: { filters: 16, kernel: 5, stride: 2, padding: same, bias: false } }\n"
	"  - { name: norm1, batch_norm: { activation: relu } }\n"
	"  - { name: conv2, conv: { filters: 24, kernel: 3, padding: same, bias: false } }\n"
	"  - { name: norm2, batch_norm: { activation: relu } }\n"
	"  - { name: pool2, max_pool: { size: 2 } }\n"
	"  - { name: conv3, conv: { filters: 32, kernel: 3, padding: same, bias: false } }\n"
	"  - { name: norm3, batch_norm: { activation: relu } }\n"
	"  - { name: pool3, max_pool: { size: 2 } }\n"
	"  - { name: conv4, conv: { filters: 48, kernel: 3, padding: same, bias: false } }\n"
	"  - { name: norm4, batch_norm: { activation: relu } }\n"
	"  - { name: pool4, max_pool: { size: 2 } }\n"
	"  - { name: conv5, conv: { filters: 64, kernel: 3, padding: same, bias: false } }\n"
	"  - { name: norm5, batch_norm: { activation: relu } }\n"
	"  - { name: mean, global_pool: {} }\n"
	"  - { name: kind_dense, dense: { units: 5 } }\n"
	"  - { name: kind, softmax: {} }\n"
	"  - { name: size_hidden, dense: { units: 48, activation: relu }, from: [mean] }\n"
	"  - { name: size_dense, dense: { units: 28 } }\n"
	"  - { name: size, softmax: {} }\n"
	"outputs: [kind, size]\n";

int c5_identify_net(c5_model **out) { return c5_model_parse(out, "identify", net, sizeof net - 1); }

int c5_identify_check(const c5_model *m, const char *name)
{
	static const int want[] = { C5_KINDS, C5_IDENTIFY_BINS };
	const c5_layer *in = m->n_layers ? &m->layers[0] : NULL;
	bool good = in && in->rank == 3 && in->shape[0] == 1 && in->shape[1] == C5_IDENTIFY_SIDE && in->shape[2] == C5_IDENTIFY_SIDE && m->n_outputs == 2;
	for (int i = 0; i < 2 && good; i++) good = m->layers[m->outputs[i]].rank == 1 && m->layers[m->outputs[i]].shape[0] == want[i];
	int features = c5_model_find(m, C5_IDENTIFY_FEATURES);
	good = good && features >= 0 && m->layers[features].rank == 1 && m->layers[features].shape[0] == C5_PROFILE_FEATURES;
	return good ? C5_OK : c5_fail(C5_EINPUT,
		"%s: no model that identifies images (1 x %d x %d px in, %d kinds and %d sizes out); `cyto5 identify train` makes them", name, C5_IDENTIFY_SIDE,
		C5_IDENTIFY_SIDE, C5_KINDS, C5_IDENTIFY_BINS);
}
