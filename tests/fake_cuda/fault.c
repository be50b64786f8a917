/* SPDX-License-Identifier: Apache-2.0 */
/* Failures that were asked for: "function:call:code,...". */
#include "state.h"

#include <stdio.h>
#include <string.h>

enum { RULES_MAX = 32, RULE_NAME_MAX = 48 };

typedef struct fault_rule {
    char name[RULE_NAME_MAX];
    unsigned call; /* 0: every one */
    cudaError_t code;
    unsigned seen;
} fault_rule;

static fault_rule rules[RULES_MAX];
static size_t rule_count;

/* One rule and how long its text is; 0 where it is none. */
static size_t read_rule(const char *text, fault_rule *rule)
{
    unsigned code = 0;
    int length = 0;
    *rule = (fault_rule){.seen = 0};
    /* NOLINTNEXTLINE(cert-err34-c): numbers out of range are refused below or fail no call */
    int fields = sscanf(text, "%47[A-Za-z0-9_]:%9u:%9u%n", rule->name, &rule->call, &code, &length);
    if (fields != 3 || code == 0) {
        return 0;
    }
    rule->code = (cudaError_t)code;
    return (size_t)length;
}

static bool read_rules(const char *text, fault_rule *list, size_t *count_out)
{
    size_t count = 0;
    while (text != NULL && *text != '\0') {
        size_t length = count < RULES_MAX ? read_rule(text, &list[count]) : 0;
        if (length == 0 || (text[length] != '\0' && text[length] != ',')) {
            return false;
        }
        count++;
        text += length + (text[length] == ',' ? 1 : 0);
    }
    *count_out = count;
    return true;
}

bool fake_cuda_set_fail(const char *text)
{
    fault_rule list[RULES_MAX];
    size_t count = 0;
    if (!read_rules(text, list, &count)) {
        return false;
    }
    (void)pthread_mutex_lock(&fake_lock);
    if (count > 0) {
        memcpy(rules, list, count * sizeof(list[0]));
    }
    rule_count = count;
    (void)pthread_mutex_unlock(&fake_lock);
    return true;
}

cudaError_t fake_fault(const char *name)
{
    cudaError_t code = cudaSuccess;
    for (size_t i = 0; i < rule_count; i++) {
        if (strcmp(rules[i].name, name) == 0) {
            rules[i].seen++;
            if (rules[i].call == 0 || rules[i].call == rules[i].seen) {
                code = rules[i].code;
            }
        }
    }
    return code;
}

/* What breaks a context, as the runtime's reference says of each code: of 700 to 719 those that do
 * not are answers. */
bool fake_is_sticky(cudaError_t code)
{
    switch ((int)code) {
    case cudaErrorECCUncorrectable:
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorContextIsDestroyed:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorLaunchFailure:
        return true;
    default:
        return false;
    }
}
