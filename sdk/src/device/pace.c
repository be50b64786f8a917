/* SPDX-License-Identifier: Apache-2.0 */
#include "device/pace.h"

enum { SLOWER = 8 }; /* a copy that took longer counts for the eighth part, since the thread may have been away meanwhile */

void baton__pace_first(baton__pace *pace, uint64_t now_ns, uint64_t size_bytes)
{
    uint64_t wait_ns = pace->unit_ns * size_bytes / BATON__PACE_UNIT / 4 * 3;
    pace->since_ns = now_ns;
    pace->due_ns = now_ns + (wait_ns < BATON__PACE_MAX_NS ? wait_ns : BATON__PACE_MAX_NS);
}

void baton__pace_over(baton__pace *pace, uint64_t now_ns, uint64_t size_bytes)
{
    if (size_bytes < BATON__PACE_UNIT) {
        return; /* what a call takes, and not the bytes */
    }
    uint64_t unit_ns = (now_ns - pace->since_ns) * BATON__PACE_UNIT / size_bytes;
    if (pace->unit_ns == 0 || unit_ns < pace->unit_ns) {
        pace->unit_ns = unit_ns;
    } else {
        pace->unit_ns += (unit_ns - pace->unit_ns) / SLOWER;
    }
}

bool baton__pace_is_due(const baton__pace *pace, uint64_t now_ns)
{
    return now_ns >= pace->due_ns;
}
