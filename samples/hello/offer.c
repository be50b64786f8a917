/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/baton.h>
#include <stdio.h>

static unsigned char frame[1080 * 1920 * 3];

int main(void)
{
    frame[0] = 7;
    baton_worker *worker = NULL;
    baton_descriptor *image = NULL;
    baton_offer *offer = NULL;
    baton_outcome outcome = BATON_OUTCOME_INIT;
    baton_offer_options options = BATON_OFFER_OPTIONS_INIT;
    options.user_json = "{\"request\": 7}";
    options.acknowledge = BATON_ACKNOWLEDGE_APPLICATION;

    bool ok = baton_worker_create(NULL, &worker) == BATON_OK &&
              baton_descriptor_from_pointer(frame, sizeof frame, BATON_DEVICE_HOST, NULL, NULL,
                                            &image) == BATON_OK &&
              baton_offer_readable(worker, "embed", &image, 1, &options, &offer) == BATON_OK &&
              baton_offer_wait(offer, BATON_FOREVER, &outcome) == BATON_OK;
    if (ok) {
        printf("%s took %llu bytes by %s in %u attempt(s): %s\n", outcome.peer,
               (unsigned long long)outcome.bytes, outcome.path, outcome.attempts,
               outcome.result_json);
    } else {
        (void)fprintf(stderr, "offer: %s\n", baton_error_text());
    }
    baton_offer_destroy(offer); /* any of these may be NULL */
    baton_descriptor_release(image);
    baton_worker_destroy(worker);
    return ok ? 0 : 1;
}
