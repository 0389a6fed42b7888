/* learn_model_rows.h – what network: rows of an option table (base/options.h), included where one is made. F(MEMBER) is
 * the place of a member of c5_learn_params in the settings. */
	{ "model", C5_OPT_TEXT, F(model), NULL, 0, 0, NULL, "NAME|FILE.yml",
		"network: sesmo, lenet, resnet18, resnet34, mobilenet_v1, mobilenet_v2, or a description; default sesmo, or that of --from" },
	{ "width", C5_OPT_REAL, F(width), "0", 0, 16, NULL, NULL, "filters of a mobilenet, as a multiple; 0: 1" },
	{ "from", C5_OPT_TEXT, F(from), NULL, 0, 0, NULL, "FILE.h5:NAME", "begin with the weights of a trained model; layers that do not fit begin anew" },
	{ "freeze", C5_OPT_TEXT, F(freeze), NULL, 0, 0, NULL, "LAYER", "layers up to this one stay as they are" },
	{ "layer-rates", C5_OPT_TEXT, F(layer_rates), NULL, 0, 0, NULL, "GLOB=X,...", "learning rate of layers of these names, as a multiple" },
	{ "channels", C5_OPT_TEXT, F(channels), NULL, 0, 0, NULL, "A,B", "channels of the crops to look at; default all" },
	{ "fusion", C5_OPT_CHOICE, F(fusion), "early", 0, 0, NULL, "early|late",
		"several channels: together from the first layer, or each through a branch of its own" },
	{ "size", C5_OPT_INT, F(size), "0", 0, 4096, "px", NULL, "crops are resized to this; 0: as they are, or as the model takes them" },
	{ "resize", C5_OPT_BOOL, F(resize), "false", 0, 0, NULL, NULL, "resize crops that are of another size than the model takes" },
	{ "scaling", C5_OPT_CHOICE, F(scaling), "auto", 0, 0, NULL, "auto|channel|range|percentile|crop",
		"of pixels, by: mean and deviation of each channel over the training crops; the range of the type; percentiles of each crop; "
		"mean and deviation of each crop; auto: channel, or as --from was" },
	{ "low", C5_OPT_REAL, F(low), "1", 0, 100, "%", NULL, "lower percentile" },
	{ "high", C5_OPT_REAL, F(high), "99", 0, 100, "%", NULL, "upper percentile" },
