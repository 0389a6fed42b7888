/* report.c – the figures of a tracking result by name, each with a sentence for people: see tracking.h and docs/measures.md. */
#include <stdio.h>

#include "measure/tracking.h"

static void challenge(c5_figures *to, const c5_tracking *t)
{
	const char *c = "Cell Tracking Challenge, technical measures";
	c5_figures_add(to, c, "SEG", t->seg,
		"mean overlap (intersection over union) of true objects with the result's, a missed object counting 0; 1 is perfect");
	c5_figures_add(to, c, "DET", t->det, "how little it takes to correct the detections, 1: nothing to correct, 0: no better than an empty result");
	c5_figures_add(to, c, "TRA", t->tra, "the same for detections and links together");
	c5_figures_add(to, c, "LNK", t->lnk, "the same for links alone; undefined without a link in the truth");
	c5_figures_add(to, c, "OP_CSB", t->op_csb, "mean of SEG and DET, what the segmentation benchmark ranks by");
	c5_figures_add(to, c, "OP_CTB", t->op_ctb, "mean of SEG and TRA, what the tracking benchmark ranks by");
	c5_figures_add(to, c, "AOGM", t->aogm, "cost of correcting the result: 5 NS + 10 FN + FP + ED + 1.5 EA + EC; 0 is perfect");
	c5_figures_add(to, c, "AOGM_0", t->aogm_0, "cost of building the truth from nothing");
	c5_figures_count(to, c, "AOGM_NS", t->ns, "splits needed: objects that cover more than one true object");
	c5_figures_count(to, c, "AOGM_FN", t->fn, "true objects no object covers by more than half");
	c5_figures_count(to, c, "AOGM_FP", t->fp, "objects that cover no true object by more than half");
	c5_figures_count(to, c, "AOGM_ED", t->ed, "links to delete: between well-found objects that are not linked in truth");
	c5_figures_count(to, c, "AOGM_EA", t->ea, "links to add: true links that are not in the result, for whatever reason");
	c5_figures_count(to, c, "AOGM_EC", t->ec, "links of the wrong kind: a division or gap taken for a plain step, or the reverse");
}

static void biological(c5_figures *to, const c5_tracking *t)
{
	const char *c = "Cell Tracking Challenge, biological measures";
	char name[48];
	c5_figures_add(to, c, "CT", t->ct, "share of tracks that are right from first to last frame (F-score)");
	c5_figures_add(to, c, "TF", t->tf, "mean longest stretch over which a detected true track is followed, as a share of its length");
	for (int i = 0; i <= C5_BC_MOST; i++) {
		snprintf(name, sizeof name, "BC(%d)", i);
		c5_figures_add(to, c, name, t->divisions[i].bc,
			i ? "the same, with some frames of tolerance in time"
			  : "share of divisions that are right, daughters included, in the right frame (F-score); undefined without a true division");
	}
	c5_figures_add(to, c, "CCA", t->cca,
		"how well the lengths of whole cell cycles agree; undefined when the truth has no cell seen from division to division");
	for (int i = 0; i <= C5_BC_MOST; i++) {
		snprintf(name, sizeof name, "BIO(%d)", i);
		c5_figures_add(to, c, name, t->divisions[i].bio, i ? NULL : "mean of those of CT, TF, BC(i) and CCA that are defined");
	}
	for (int i = 0; i <= C5_BC_MOST; i++) {
		snprintf(name, sizeof name, "OP_CLB(%d)", i);
		c5_figures_add(to, c, name, t->divisions[i].op_clb, i ? NULL : "mean of LNK and BIO(i), what the linking benchmark ranks by");
	}
}

static void add_scores(c5_figures *to, const char *c, const char *way, int i, uint64_t tp, uint64_t fp, uint64_t fn, bool explained)
{
	static const char *const words[3] = { "share of the divisions claimed that are right", "share of the true divisions that are found",
		"harmonic mean of the two" };
	const double values[3] = { c5_ratio((double)tp, (double)(tp + fp)), c5_ratio((double)tp, (double)(tp + fn)),
		c5_ratio(2.0 * (double)tp, (double)(2 * tp + fp + fn)) };
	static const char *const names[3] = { "precision", "recall", "F1" };
	for (int k = 0; k < 3; k++) {
		char name[48];
		snprintf(name, sizeof name, "division_%s_%s(%d)", names[k], way, i);
		c5_figures_add(to, c, name, values[k], explained ? words[k] : NULL);
	}
}

static void divisions(c5_figures *to, const c5_tracking *t)
{
	const char *c = "Divisions at a tolerance of (i) frames";
	static const char *const names[4] = { "correct", "mismatched", "missed", "invented" };
	static const char *const words[4] = { "the right cell divides, into the right daughters", "the right cell divides, but into other daughters",
		"true divisions where the result has none", "divisions of the result where truth has none" };
	c5_figures_count(to, c, "divisions_true", t->gt_divisions, "tracks of the truth with two children or more");
	c5_figures_count(to, c, "divisions_result", t->res_divisions, "the same in the result");
	for (int i = 0; i <= C5_BC_MOST; i++) {
		const c5_divisions *d = &t->divisions[i];
		const uint64_t counts[4] = { d->correct, d->mismatched, d->missed, d->invented };
		for (int k = 0; k < 4; k++) {
			char name[48];
			snprintf(name, sizeof name, "divisions_%s(%d)", names[k], i);
			c5_figures_count(to, c, name, counts[k], i ? NULL : words[k]);
		}
	}
	c = "Divisions, a mismatched one being both invented and missed (strict)";
	for (int i = 0; i <= C5_BC_MOST; i++) {
		const c5_divisions *d = &t->divisions[i];
		add_scores(to, c, "strict", i, d->correct, d->invented + d->mismatched, d->missed + d->mismatched, !i);
	}
	c = "Divisions, mismatched ones left out of the count";
	for (int i = 0; i <= C5_BC_MOST; i++)
		add_scores(to, c, "excluded", i, t->divisions[i].correct, t->divisions[i].invented, t->divisions[i].missed, !i);
}

static void identities(c5_figures *to, const c5_tracking *t)
{
	const char *c = "Multiple object tracking";
	c5_figures_add(to, c, "MOTA", t->mota, "1 - (misses + false objects + switches + merges) / true objects; may be negative");
	c5_figures_add(to, c, "HOTA", t->hota, "detection and association in one: how well the tracks of matched objects overlap as tracks");
	c5_figures_add(to, c, "CHOTA", t->chota, "the same with a cell's ancestors and descendants counted as its own track, so that lost families show");
	c5_figures_add(to, c, "IDF1", t->idf1, "share of objects that keep one identity, when each true track gets at most one track of the result");
	c5_figures_add(to, c, "IDP", t->idp, "the same as a share of the result's objects");
	c5_figures_add(to, c, "IDR", t->idr, "the same as a share of the true objects");
	c5_figures_count(to, c, "MOT_TP", t->mot_tp, "true objects that are matched");
	c5_figures_count(to, c, "MOT_FP", t->mot_fp, "objects of the result that match none");
	c5_figures_count(to, c, "MOT_FN", t->mot_fn, "true objects that are not matched");
	c5_figures_count(to, c, "MOT_switches", t->switches, "times a true track goes on under another identity");
	c5_figures_count(to, c, "MOT_merges", t->merges, "objects matched together with another one by the same object of the result");
	c5_figures_count(to, c, "ID_TP", t->id_tp, "objects whose identity is kept");
	c5_figures_count(to, c, "ID_FP", t->id_fp, "objects of the result left over then");
	c5_figures_count(to, c, "ID_FN", t->id_fn, "true objects left over then");
}

void c5_tracking_figures(c5_figures *to, const c5_tracking *t)
{
	const char *c = "What was compared";
	challenge(to, t);
	biological(to, t);
	divisions(to, t);
	identities(to, t);
	c5_figures_count(to, c, "frames", t->frames, NULL);
	c5_figures_count(to, c, "objects_true", t->gt_objects, "an object is one cell in one frame");
	c5_figures_count(to, c, "objects_result", t->res_objects, NULL);
	c5_figures_count(to, c, "objects_segmentation_truth", t->seg_objects, "objects SEG is the mean over");
	c5_figures_count(to, c, "links_true", t->gt_edges, "steps from frame to frame within tracks, and links from parents to children");
	c5_figures_count(to, c, "links_result", t->res_edges, NULL);
	c5_figures_count(to, c, "tracks_true", t->gt_tracks, NULL);
	c5_figures_count(to, c, "tracks_result", t->res_tracks, NULL);
	c5_figures_count(to, c, "tracks_complete", t->complete_tracks, "true tracks that are right from first to last frame");
	c5_figures_count(to, c, "tracks_detected", t->detected_tracks,
		"true tracks matched, each by an object that matches no other, in one frame at least");
}
