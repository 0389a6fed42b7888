/* version.c – see version.h. */
#include "nn/version.h"

#include <dnnl.h>
#include <stdio.h>
#ifdef C5_HAVE_CUDA
#include <cudnn.h>
#endif

#include "base/version.h"

void c5_nn_versions(void)
{
	char text[48];
	const dnnl_version_t *v = dnnl_version();
	snprintf(text, sizeof text, "%d.%d.%d", v->major, v->minor, v->patch);
	c5_version_running("oneDNN", text);
#ifdef C5_HAVE_CUDA
	int cudnn = (int)cudnnGetVersion(); /* CUDA's runtime is linked in: as built */
	snprintf(text, sizeof text, "%d.%d.%d", cudnn / 10000, cudnn % 10000 / 100, cudnn % 100);
	c5_version_running("cuDNN", text);
#endif
}
