/* SPDX-License-Identifier: Apache-2.0 */
/** All of the sdk. It knows nothing of NATS; baton/baton.h adds the side channel. */
#ifndef BATON_SDK_H
#define BATON_SDK_H

#include <baton/connector.h>
#include <baton/descriptor.h>
#include <baton/device.h>
#include <baton/export.h>
#include <baton/id.h>
#include <baton/log.h>
#include <baton/loop.h>
#include <baton/metadata.h>
#include <baton/operation.h>
#include <baton/pool.h>
#include <baton/status.h>
#include <baton/transport.h>
#include <baton/version.h>

#endif
