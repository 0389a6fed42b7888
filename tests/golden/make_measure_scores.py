#!/usr/bin/env python3
"""make_measure_scores.py – writes measure_scores.h beside itself: scored objects with scikit-learn's figures (run it in an environment with
scikit-learn; 1.9 was used). Seeded: the same file again."""
import os
import numpy as np
from sklearn import metrics

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20261121)


def text(v):
    return "NAN" if v is None else repr(float(v))


def calibration(truth, score, bins=10):
    at = np.minimum((score * bins).astype(int), bins - 1)
    return sum(abs(score[at == k].sum() - truth[at == k].sum()) for k in range(bins)) / len(truth)


with open(os.path.join(here, "measure_scores.h"), "w") as to:
    to.write("/* measure_scores.h – scored objects and scikit-learn's figures of them; written by make_measure_scores.py. */\n")
    to.write("struct golden_figure { const char *name; double value; };\n")
    names = []
    for case, (n, share, ties) in enumerate([(60, 0.5, False), (80, 0.1, True), (40, 0.7, True)]):
        truth = (rng.random(n) < share).astype(int)
        score = np.clip(rng.normal(0.35 + 0.3 * truth, 0.25), 0, 1)
        score = np.round(score, 1 if ties else 6)
        called = (score >= 0.5).astype(int)
        tn, fp, fn, tp = metrics.confusion_matrix(truth, called).ravel()
        precision, recall, _ = metrics.precision_recall_curve(truth, score)
        values = {"accuracy": metrics.accuracy_score(truth, called), "balanced_accuracy": metrics.balanced_accuracy_score(truth, called),
                  "precision": metrics.precision_score(truth, called), "recall": metrics.recall_score(truth, called),
                  "F1": metrics.f1_score(truth, called), "specificity": metrics.recall_score(truth, called, pos_label=0),
                  "ROC_AUC": metrics.roc_auc_score(truth, score), "PR_AUC": metrics.auc(recall, precision),
                  "average_precision": metrics.average_precision_score(truth, score), "MCC": metrics.matthews_corrcoef(truth, called),
                  "kappa": metrics.cohen_kappa_score(truth, called), "log_loss": metrics.log_loss(truth, score), "ECE": calibration(truth, score),
                  "Brier": metrics.brier_score_loss(truth, score), "true_positive": tp, "false_positive": fp, "false_negative": fn,
                  "true_negative": tn}
        to.write(f"static const bool truth_{case}[] = {{ {', '.join(str(v) for v in truth)} }};\n".replace(", ", ","))
        to.write(f"static const double score_{case}[] = {{\n")
        for i in range(0, n, 12):
            to.write("\t" + ", ".join(text(v) for v in score[i:i + 12]) + ",\n")
        to.write("};\nstatic const struct golden_figure figures_%d[] = {\n" % case)
        to.writelines(f'\t{{ "{k}", {text(v)} }},\n' for k, v in values.items())
        to.write("};\n")
        names.append(f"\t{{ truth_{case}, score_{case}, {n}, figures_{case}, sizeof figures_{case} / sizeof *figures_{case} }},\n")
    to.write("static const struct { const bool *truth; const double *score; size_t n; const struct golden_figure *figures; size_t n_figures; } "
             "golden_scores[] = {\n")
    to.writelines(names)
    to.write("};\n")
    # Three classes: several probabilities of one object, macro means, and the correlation for several classes.
    n, names = 90, ["round", "spread", "dividing"]
    truth = rng.choice(3, n, p=[0.5, 0.35, 0.15])
    logits = rng.normal(0, 1, (n, 3)) + 1.2 * np.eye(3)[truth]
    prob = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    wide, called = prob.astype(np.float64), prob.argmax(1)
    top, right = wide.max(1), called == truth
    at = np.minimum((top * 10).astype(int), 9)
    values = {"accuracy": metrics.accuracy_score(truth, called), "balanced_accuracy": metrics.balanced_accuracy_score(truth, called),
              "F1": metrics.f1_score(truth, called, average="macro"), "MCC": metrics.matthews_corrcoef(truth, called),
              "kappa": metrics.cohen_kappa_score(truth, called), "ROC_AUC": np.mean([metrics.roc_auc_score(truth == k, wide[:, k])
                      for k in range(3)]), "Brier": ((wide - np.eye(3)[truth]) ** 2).sum(1).mean(),
              "log_loss": -np.log(wide[np.arange(n), truth]).mean(), "ECE": sum(abs(top[at == k].sum() - right[at == k].sum())
                      for k in range(10)) / n}
    for k, name in enumerate(names):
        values |= {f"recall({name})": metrics.recall_score(truth == k, called == k), f"precision({name})": metrics.precision_score(truth == k,
                called == k),
                   f"ROC_AUC({name})": metrics.roc_auc_score(truth == k, wide[:, k])}
    to.write(f"static const char *const class_names[] = {{ {', '.join(chr(34) + v + chr(34) for v in names)} }};\n")
    to.write(f"static const uint32_t class_truth[] = {{ {','.join(str(v) for v in truth)} }};\nstatic const float class_prob[] = {{\n")
    for i in range(0, n, 4):
        to.write("\t" + ", ".join(repr(float(v)) + "f" for v in prob[i:i + 4].ravel()) + ",\n")
    to.write("};\nstatic const struct golden_figure class_figures[] = {\n")
    to.writelines(f'\t{{ "{k}", {text(v)} }},\n' for k, v in values.items())
    to.write("};\nstatic const uint64_t class_confusion[] = { " + ", ".join(str(v)
            for v in metrics.confusion_matrix(truth, called).ravel()) + " };\n")
