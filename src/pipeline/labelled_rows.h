/* labelled_rows.h – which crops, and what says their classes: rows of an option table (base/options.h), included where one is made. F(MEMBER) is
 * the place of a member of c5_labelled_params in the settings. */
	{ "label", C5_OPT_TEXT, F(label), NULL, 0, 0, NULL, "WHAT",
		"what says the class: condition, compound, dose ...; index.COLUMN, objects.COLUMN or tracks.COLUMN; default: the only one there is" },
	{ "classes", C5_OPT_TEXT, F(classes), NULL, 0, 0, NULL, "A,B",
		"classes in their order, as values of the label or NAME=VALUE; crops of other values are left out; default: all values" },
	{ "group", C5_OPT_TEXT, F(group), "auto", 0, 0, NULL, "WHAT",
		"what a split never cuts in two: experiment, well, plate, condition ...; auto: the well where all have one, else the experiment" },
	{ "experiments", C5_OPT_TEXT, F(experiments), NULL, 0, 0, NULL, "GLOB", "experiments of these names only" },
	{ "crops", C5_OPT_TEXT, F(revision), NULL, 0, 0, NULL, "rNNNNNN", "revision of the crops; default the latest" },
	{ "per-class", C5_OPT_INT, F(per_class), "0", 0, 1e9, NULL, "N", "at most so many crops of each class, spread evenly; 0: all" },
	{ "cache", C5_OPT_INT, F(cache_mib), "2048", 0, 1e7, "MiB", NULL, "crops kept in memory, a rank; the rest is read again as needed" },
