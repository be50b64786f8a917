/* SPDX-License-Identifier: Apache-2.0 */
#include "sha256.h"

#include <openssl/evp.h>

/* Between two looks at stop. */
static const size_t step_bytes = (size_t)4 << 20;

static bool update(EVP_MD_CTX *digest, const unsigned char *bytes, size_t size,
                   const atomic_bool *stop)
{
    while (size > 0) {
        size_t step = size < step_bytes ? size : step_bytes;
        if (atomic_load(stop) || EVP_DigestUpdate(digest, bytes, step) != 1) {
            return false;
        }
        bytes += step;
        size -= step;
    }
    return true;
}

bool sha256_of(const void *bytes, size_t size, const atomic_bool *stop,
               char text_out[SHA256_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char value[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool done = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                update(digest, bytes, size, stop) &&
                EVP_DigestFinal_ex(digest, value, &length) == 1 &&
                length * 2 + 1 == SHA256_TEXT_SIZE;
    EVP_MD_CTX_free(digest);
    for (size_t i = 0; done && i < length; i++) {
        text_out[2 * i] = digits[value[i] >> 4];
        text_out[2 * i + 1] = digits[value[i] & 15];
    }
    if (done) {
        text_out[(size_t)2 * length] = '\0';
    }
    return done;
}
