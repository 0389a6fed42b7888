/* measure_scores.h – scored objects and scikit-learn's figures of them; written by make_measure_scores.py. */
struct golden_figure { const char *name; double value; };
static const bool truth_0[] = { 0,0,0,0,0,1,0,0,1,0,0,1,0,1,1,1,1,1,0,1,1,0,0,0,1,1,0,1,0,0,1,0,1,0,1,1,0,1,1,1,0,1,0,0,1,1,1,1,0,0,0,1,0,1,0,1,0,1,0,1 };
static const double score_0[] = {
	0.0, 0.0, 0.467327, 0.436555, 0.093552, 0.78631, 0.0, 0.310052, 0.74438, 0.558663, 0.30152, 0.770979,
	0.396931, 0.712105, 0.568418, 0.627151, 0.0, 0.981589, 0.0, 0.683269, 0.345937, 0.472728, 0.281395, 0.181544,
	0.533164, 1.0, 0.407394, 0.959609, 0.906356, 0.601342, 0.630534, 0.394247, 0.942561, 0.93584, 0.605681, 0.436849,
	0.503409, 0.342177, 0.298796, 0.396339, 0.460333, 0.348499, 0.576599, 0.598869, 0.485665, 0.786066, 1.0, 0.886454,
	0.0, 0.756414, 0.190435, 0.352581, 0.375423, 0.272797, 0.0, 0.261922, 0.530907, 0.79695, 0.062492, 0.469003,
};
static const struct golden_figure figures_0[] = {
	{ "accuracy", 0.65 },
	{ "balanced_accuracy", 0.6499999999999999 },
	{ "precision", 0.6666666666666666 },
	{ "recall", 0.6 },
	{ "F1", 0.631578947368421 },
	{ "specificity", 0.7 },
	{ "ROC_AUC", 0.7322222222222222 },
	{ "PR_AUC", 0.7464495131820127 },
	{ "average_precision", 0.7511394561898584 },
	{ "ECE", 0.17302536666666668 },
	{ "Brier", 0.2127730717477 },
	{ "true_positive", 18.0 },
	{ "false_positive", 9.0 },
	{ "false_negative", 12.0 },
	{ "true_negative", 21.0 },
};
static const bool truth_1[] = { 0,0,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1,1,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,1 };
static const double score_1[] = {
	0.6, 0.1, 0.7, 0.7, 0.2, 0.0, 0.6, 0.3, 0.2, 0.5, 0.5, 0.6,
	0.1, 0.1, 0.2, 0.5, 0.5, 0.9, 0.1, 0.0, 0.2, 0.8, 0.3, 0.2,
	0.5, 0.5, 1.0, 0.3, 0.3, 0.3, 0.2, 0.2, 0.6, 0.3, 0.2, 0.2,
	0.1, 0.3, 0.1, 0.2, 0.1, 0.1, 0.5, 0.0, 0.4, 0.1, 0.5, 0.6,
	0.7, 0.3, 0.2, 0.5, 0.2, 0.3, 0.4, 0.7, 1.0, 0.5, 0.3, 0.7,
	0.0, 0.6, 0.4, 0.0, 0.3, 0.6, 0.4, 0.2, 0.0, 0.3, 0.4, 0.3,
	0.3, 0.4, 0.3, 0.2, 1.0, 0.7, 0.5, 0.9,
};
static const struct golden_figure figures_1[] = {
	{ "accuracy", 0.7 },
	{ "balanced_accuracy", 0.7428571428571429 },
	{ "precision", 0.26666666666666666 },
	{ "recall", 0.8 },
	{ "F1", 0.4 },
	{ "specificity", 0.6857142857142857 },
	{ "ROC_AUC", 0.7614285714285715 },
	{ "PR_AUC", 0.3671302583841283 },
	{ "average_precision", 0.35121931648247434 },
	{ "ECE", 0.25375000000000003 },
	{ "Brier", 0.177875 },
	{ "true_positive", 8.0 },
	{ "false_positive", 22.0 },
	{ "false_negative", 2.0 },
	{ "true_negative", 48.0 },
};
static const bool truth_2[] = { 1,1,0,1,0,1,1,0,1,0,0,1,1,0,1,0,1,1,0,1,1,0,1,0,1,1,0,1,1,1,0,1,1,1,1,1,0,1,1,1 };
static const double score_2[] = {
	0.7, 0.5, 0.6, 0.5, 0.4, 0.9, 0.4, 0.5, 0.4, 0.0, 0.6, 0.7,
	0.0, 0.0, 0.6, 0.5, 0.8, 1.0, 0.1, 1.0, 0.5, 0.0, 0.6, 0.7,
	0.9, 1.0, 0.5, 0.9, 0.7, 0.4, 0.6, 0.7, 0.8, 0.9, 0.6, 0.5,
	0.6, 0.6, 1.0, 0.6,
};
static const struct golden_figure figures_2[] = {
	{ "accuracy", 0.7 },
	{ "balanced_accuracy", 0.6182336182336182 },
	{ "precision", 0.7419354838709677 },
	{ "recall", 0.8518518518518519 },
	{ "F1", 0.7931034482758621 },
	{ "specificity", 0.38461538461538464 },
	{ "ROC_AUC", 0.7720797720797721 },
	{ "PR_AUC", 0.8952655932942671 },
	{ "average_precision", 0.8727029641008135 },
	{ "ECE", 0.11749999999999998 },
	{ "Brier", 0.18025000000000002 },
	{ "true_positive", 23.0 },
	{ "false_positive", 8.0 },
	{ "false_negative", 4.0 },
	{ "true_negative", 5.0 },
};
static const struct { const bool *truth; const double *score; size_t n; const struct golden_figure *figures; size_t n_figures; } golden_scores[] = {
	{ truth_0, score_0, 60, figures_0, sizeof figures_0 / sizeof *figures_0 },
	{ truth_1, score_1, 80, figures_1, sizeof figures_1 / sizeof *figures_1 },
	{ truth_2, score_2, 40, figures_2, sizeof figures_2 / sizeof *figures_2 },
};
