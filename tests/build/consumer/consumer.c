/* SPDX-License-Identifier: Apache-2.0 */
/* What a user of an installed baton writes at the least. */
#include <baton/baton.h>
#include <stdio.h>

int main(void)
{
    printf("baton %s: %s\n", baton_version(), baton_status_text(BATON_OK));
    return 0;
}
