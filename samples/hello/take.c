/* SPDX-License-Identifier: Apache-2.0 */
#include <baton/baton.h>
#include <stdio.h>

static void embed(baton_handoff *handoff, void *context)
{
    (void)context;
    baton_descriptor *image = NULL; /* baton allocates it */
    if (baton_handoff_receive(handoff, NULL, &image) != BATON_OK) {
        return; /* the other side knows */
    }
    const unsigned char *pixels = baton_descriptor_pointer(image);
    char result[32];
    (void)snprintf(result, sizeof result, "{\"first\": %d}", pixels[0]);
    if (baton_handoff_ack(handoff, result) != BATON_OK) {
        (void)fprintf(stderr, "embed: %s\n", baton_error_text());
    }
    baton_descriptor_release(image);
}

int main(void)
{
    baton_worker *worker = NULL;
    baton_service *service = NULL;
    if (baton_worker_create(NULL, &worker) == BATON_OK &&
        baton_worker_serve(worker, "embed", NULL, embed, NULL, &service) == BATON_OK) {
        printf("%s serves pool embed; Enter ends it\n", baton_worker_name(worker));
        (void)getchar();
    } else {
        (void)fprintf(stderr, "take: %s\n", baton_error_text());
    }
    baton_worker_destroy(worker);
    return service != NULL ? 0 : 1;
}
