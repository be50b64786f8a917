/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for a test of TLS, made by the openssl command: valid for a day, of no use to
 * anybody. */
#ifndef BATON_TEST_CERTIFICATES_H
#define BATON_TEST_CERTIFICATES_H

#include <stdbool.h>

/*
 * Writes into a directory, each as NAME.pem with its key NAME-key.pem:
 *   ca       signs server and client
 *   server   for 127.0.0.1 and localhost
 *   client   for a client
 *   other    a CA that signed neither
 * False where there is no openssl command to make them.
 */
bool test_certificates_make(const char *directory);

#endif
