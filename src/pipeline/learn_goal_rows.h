/* learn_goal_rows.h – what is asked of it: rows of an option table (base/options.h), included where one is made. F(MEMBER) is
 * the place of a member of c5_learn_params in the settings. */
	{ "members", C5_OPT_INT, F(members), "1", 1, 1000, NULL, "K",
		"an ensemble of so many, trained from different seeds, side by side when there are ranks" },
	{ "loss", C5_OPT_CHOICE, F(loss), "cross-entropy", 0, 0, NULL, "cross-entropy|focal", "what is made small" },
	{ "gamma", C5_OPT_REAL, F(gamma), "2", 0, 10, NULL, NULL, "of the focal loss" },
	{ "smoothing", C5_OPT_REAL, F(smoothing), "0", 0, 0.9, NULL, NULL, "share of each target spread over all classes" },
	{ "balance", C5_OPT_CHOICE, F(balance), "weight", 0, 0, NULL, "none|weight|sample",
		"rare classes: as they are, weighing more, or drawn more often" },
	{ "class-weights", C5_OPT_TEXT, F(class_weights), NULL, 0, 0, NULL, "CLASS=X,...", "in the loss, as multiples of what balance gives" },
	{ "per-epoch", C5_OPT_INT, F(per_epoch), "0", 0, 1e9, NULL, "N", "crops drawn an epoch; 0: as many as there are" },
