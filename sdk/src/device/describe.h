/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BATON_DEVICE_DESCRIBE_H
#define BATON_DEVICE_DESCRIBE_H

#include <baton/device.h>

/* Fills all but struct_size of what is zero. */
void baton__cuda_describe(baton_cuda_info *info);

#endif
