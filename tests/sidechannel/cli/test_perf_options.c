/* SPDX-License-Identifier: Apache-2.0 */
/* perf_options: command lines, and the line for the other side. */
#include "perf_options.h"

#include "perf_failure.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { LINE = 512 };

/* Takes a command line that is written as one. */
static perf_parsed parse(const char *line, perf_options *options_out)
{
    static char copy[LINE];
    static char *words[64];
    char *rest = NULL;
    int count = 1;
    words[0] = "perf";
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        words[count++] = word;
    }
    return perf_options_parse(count, words, options_out);
}

static void is_wrong(const char *line)
{
    perf_options options;
    cr_expect_eq(parse(line, &options), PERF_WRONG, "%s", line);
}

Test(perf_options, have_defaults)
{
    perf_options options;
    cr_assert_eq(parse("", &options), PERF_PARSED);
    cr_expect_eq(options.mode, PERF_MODE_TRANSFER);
    cr_expect_eq(options.size_bytes, 1048576);
    cr_expect_eq(options.count, 1000);
    cr_expect_eq(options.depth, 1);
    cr_expect_eq(options.segments, 1);
    cr_expect_not(options.is_write);
    cr_expect_not(options.application);
    cr_expect_null(perf_options_tls(&options));
    cr_assert_eq(parse("--handoff", &options), PERF_PARSED);
    cr_expect_eq(options.size_bytes, 4096);
    cr_assert_eq(parse("--serve --json", &options), PERF_PARSED);
    cr_expect_str_eq(options.serve, PERF_SERVE_DEFAULT);
}

Test(perf_options, every_option_arrives)
{
    perf_options options;
    cr_assert_eq(
        parse("--link shm --path am --op write --size 64KiB --count 7 --depth 3 --segments 2 "
              "--warmup 0 --progress application --timeout 9 --device host --connect a:1 --json",
              &options),
        PERF_PARSED);
    cr_expect_str_eq(perf_options_tls(&options), "posix,sysv,self");
    cr_expect_str_eq(options.path, "am");
    cr_expect(options.is_write && options.application && options.json);
    cr_expect(options.size_bytes == 65536 && options.count == 7 && options.depth == 3);
    cr_expect(options.segments == 2 && options.warmup == 0 && options.timeout_s == 9);
    cr_expect_str_eq(options.connect, "a:1");
    cr_assert_eq(parse("--idle 3 --peers 5 --link tcp", &options), PERF_PARSED);
    cr_expect(options.mode == PERF_MODE_IDLE && options.idle_s == 3 && options.peers == 5);
    cr_expect_str_eq(perf_options_tls(&options), "tcp,self");
    cr_assert_eq(parse("--live 200", &options), PERF_PARSED);
    cr_expect(options.mode == PERF_MODE_LIVE && options.live == 200);
}

Test(perf_options, what_makes_no_sense_is_wrong)
{
    static const char *const lines[] = {"--size",
                                        "--size 0",
                                        "--size 1TB",
                                        "--size -1",
                                        "--size 2000GiB",
                                        "--count 0",
                                        "--count 1e3",
                                        "--count 10000001",
                                        "--depth 0",
                                        "--depth 1025",
                                        "--segments 0",
                                        "--segments 9x",
                                        "--link ib",
                                        "--path dma",
                                        "--op move",
                                        "--progress me",
                                        "--warmup many",
                                        "--timeout 0",
                                        "--device tpu",
                                        "--device cuda:-1",
                                        "--peer-device",
                                        "--device cpu --idle 1",
                                        "--peer-device cpu --live 1",
                                        "--serve --device cpu",
                                        "--path staged",
                                        "--path map --device cuda",
                                        "--path view --peer-device cuda",
                                        "--path rma --handoff",
                                        "--peers 1025 --idle 1",
                                        "--idle 0",
                                        "--live 0",
                                        "--live 1 --idle 1",
                                        "--serve --live 1",
                                        "--peers 3",
                                        "--nats x",
                                        "--live 1 --op read",
                                        "--handoff --depth 2",
                                        "--serve --size 1",
                                        "perf",
                                        "--unheard-of",
                                        "-h",
                                        "--json --json",
                                        "--size 1 --segments 2"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        is_wrong(lines[i]);
    }
}

Test(perf_options, paths)
{
    perf_options options;
    cr_expect_eq(parse("--path rma", &options), PERF_PARSED);
    cr_expect(perf_options_rma(&options));
    cr_expect_eq(parse("--path map", &options), PERF_PARSED);
    cr_expect(perf_options_map(&options) && !perf_options_view(&options));
    cr_expect_eq(parse("--path view", &options), PERF_PARSED);
    cr_expect(perf_options_map(&options) && perf_options_view(&options));
    cr_expect_eq(parse("--path staged --device cuda", &options), PERF_PARSED);
    cr_expect(perf_options_staged(&options));
    cr_expect_eq(parse("--path staged --peer-device cuda", &options), PERF_PARSED);
    cr_expect_eq(parse("--path rma --device cuda", &options), PERF_PARSED, "the report tells why not");
}

static void has_devices(const char *line, const char *device, const char *peer_device)
{
    perf_options options;
    char text[BATON_DEVICE_TEXT_SIZE];
    cr_assert_eq(parse(line, &options), PERF_PARSED, "%s", line);
    baton_device_print(options.device, text);
    cr_expect_str_eq(text, device, "%s", line);
    baton_device_print(options.peer_device, text);
    cr_expect_str_eq(text, peer_device, "%s", line);
}

Test(perf_options, the_other_sides_memory_is_where_this_sides_is)
{
    has_devices("", "cpu", "cpu");
    has_devices("--device host", "cpu", "cpu");
    has_devices("--device cuda:3", "cuda:3", "cuda:3");
    has_devices("--device cuda --peer-device cpu", "cuda:0", "cpu");
    has_devices("--peer-device cuda:1", "cpu", "cuda:1");
    has_devices("--handoff --peer-device cuda:1 --device cuda:2", "cuda:2", "cuda:1");
}

static void travels(const char *text)
{
    perf_options here;
    perf_options there;
    char line[LINE];
    char again[LINE];
    cr_assert_eq(parse(text, &here), PERF_PARSED);
    cr_assert(perf_options_print(&here, line, sizeof(line)));
    (void)snprintf(again, sizeof(again), "%s", line);
    cr_assert_eq(perf_options_parse_line(again, &there), PERF_PARSED, "%s", line);
    cr_assert(perf_options_print(&there, again, sizeof(again)));
    cr_expect_eq(there.mode, here.mode);
    cr_expect_not_null(strstr(again, here.link));
    cr_expect_str_eq(there.path, here.path);
    cr_expect(baton_device_equal(there.device, here.device) && baton_device_equal(there.peer_device, here.peer_device));
}

Test(perf_options, travel_to_the_other_side)
{
    perf_options options;
    char line[16];
    travels("");
    travels(
        "--link tcp --op write --size 1GB --count 9 --depth 2 --segments 5 --progress application");
    travels("--handoff --nats nats://127.0.0.1:1 --link shm --size 12");
    travels("--handoff --nats nats://127.0.0.1:1 --path staged --device cuda:1 --peer-device cpu");
    travels("--device cuda:4294967295 --size 1024GiB --count 10000000 --depth 1024 --segments 65536 --stride 1024GiB --path staged "
            "--progress application --warmup 1000000 --timeout 3600");
    travels("--idle 1 --peers 12");
    cr_assert_eq(parse("", &options), PERF_PARSED);
    cr_expect_not(perf_options_print(&options, line, sizeof(line)), "does not fit");
    cr_assert_eq(parse("--live 1", &options), PERF_PARSED);
    cr_expect_not(perf_options_print(&options, line, sizeof(line)), "has no other side");
}

static void is_refused_from_afar(const char *text)
{
    perf_options options;
    char line[LINE];
    (void)snprintf(line, sizeof(line), "%s", text);
    cr_expect_neq(perf_options_parse_line(line, &options), PERF_PARSED, "%s", text);
}

Test(perf_options, from_the_other_side_start_nothing_else)
{
    char many[LINE] = "";
    is_refused_from_afar("--role session");
    is_refused_from_afar("--connect somewhere:1");
    is_refused_from_afar("--help");
    is_refused_from_afar("--size");
    is_refused_from_afar("rm -rf");
    for (int i = 0; i < 100; i++) {
        (void)strncat(many, "x ", sizeof(many) - strlen(many) - 1);
    }
    is_refused_from_afar(many);
}
