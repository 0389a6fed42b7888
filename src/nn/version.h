/* version.h – tells base/version.h which oneDNN and cuDNN this program runs with. */
#ifndef C5_NN_VERSION_H
#define C5_NN_VERSION_H

void c5_nn_versions(void);

#endif
