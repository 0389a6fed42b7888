/* learn_split_rows.h – what is kept back: rows of an option table (base/options.h), included where one is made. F(MEMBER) is
 * the place of a member of c5_learn_params in the settings. */
	{ "validation", C5_OPT_REAL, F(share), "0.2", 0, 0.9, NULL, NULL, "share of each class kept back to check with, in whole groups; 0: none" },
	{ "validate", C5_OPT_TEXT, F(validate), NULL, 0, 0, NULL, "GLOB,GLOB", "groups kept back, by name" },
	{ "folds", C5_OPT_INT, F(folds), "0", 0, 1000, NULL, "N", "cross-validation: groups dealt into so many parts, each kept back once" },
	{ "fold", C5_OPT_INT, F(fold), "0", 0, 1000, NULL, "N", "of the folds only this one, from 1; 0: all" },
	{ "split", C5_OPT_CHOICE, F(split), "group", 0, 0, NULL, "group|crop",
		"what is dealt out; by crop a net is checked on cells of wells it has seen, which is refused without --force-leak" },
	{ "force-leak", C5_OPT_BOOL, F(force_leak), "false", 0, 0, NULL, NULL, "train although the same experiment, well or crop is on both sides" },
