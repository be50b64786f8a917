/* SPDX-License-Identifier: Apache-2.0 */
#include "perf_report.h"

#include "perf_link.h"
#include "perf_size.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void perf_report_setting(json_line *line, const perf_options *options)
{
    json_line_text(line, "link", options->link);
    json_line_text(line, "ucx_tls", perf_link_tls());
    json_line_text(line, "progress", options->application ? "application" : "thread");
    json_line_text(line, "baton", baton_version());
    json_line_text(line, "ucx", baton_transport_version());
}

void perf_report_devices(json_line *line, const perf_options *options)
{
    char text[BATON_DEVICE_TEXT_SIZE];
    baton_device_print(options->device, text);
    json_line_text(line, "device", text);
    baton_device_print(options->peer_device, text);
    json_line_text(line, "peer_device", text);
}

void perf_report_latency(json_line *line, const char *prefix, const perf_statistics *latency_us)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%sp50_us", prefix);
    json_line_real(line, name, latency_us->p50);
    (void)snprintf(name, sizeof(name), "%sp99_us", prefix);
    json_line_real(line, name, latency_us->p99);
    (void)snprintf(name, sizeof(name), "%sbest_us", prefix);
    json_line_real(line, name, latency_us->best);
}

static double gigabytes(const perf_options *options)
{
    return (double)options->size_bytes * (double)options->count / 1e9;
}

static void print_json(const perf_options *options, const perf_transfers *transfers)
{
    double moved = gigabytes(options);
    json_line *line = json_line_begin("perf");
    json_line_text(line, "op", options->is_write ? "write" : "read");
    json_line_whole(line, "size_bytes", options->size_bytes);
    json_line_whole(line, "count", options->count);
    json_line_whole(line, "depth", options->depth);
    json_line_whole(line, "segments", options->segments);
    json_line_whole(line, "stride_bytes", options->stride_bytes);
    json_line_whole(line, "warmup", options->warmup);
    perf_report_devices(line, options);
    json_line_text(line, "path", transfers->path);
    json_line_text(line, "peer_path", transfers->peer_path);
    json_line_text(line, "transport", transfers->transport);
    perf_report_latency(line, "", &transfers->latency_us);
    json_line_real(line, "gb_per_s", moved / transfers->elapsed_s);
    json_line_real(line, "cpu_s_per_gb",
                   (transfers->active_cpu_s + transfers->passive_cpu_s) / moved);
    json_line_real(line, "active_cpu_s_per_gb", transfers->active_cpu_s / moved);
    json_line_real(line, "passive_cpu_s_per_gb", transfers->passive_cpu_s / moved);
    json_line_bool(line, "data_checked", true); /* a run whose data is wrong fails */
    perf_report_setting(line, options);
    json_line_end(line);
}

static void print_way(const perf_options *options, const perf_transfers *transfers)
{
    char here[BATON_DEVICE_TEXT_SIZE];
    char there[BATON_DEVICE_TEXT_SIZE];
    bool is_same = perf_options_map(options) || strcmp(transfers->path, transfers->peer_path) == 0;
    baton_device_print(options->device, here);
    baton_device_print(options->peer_device, there);
    (void)printf("  memory     %s here, %s there\n", here, there);
    (void)printf("  path       %s over %s%s%s\n", transfers->path, transfers->transport, is_same ? "" : ", there ",
                 is_same ? "" : transfers->peer_path);
}

void perf_report_transfers(const perf_options *options, const perf_transfers *transfers)
{
    char size[PERF_SIZE_TEXT];
    double moved = gigabytes(options);
    if (options->json) {
        print_json(options, transfers);
        return;
    }
    perf_size_print(options->size_bytes, size);
    (void)printf("%s of %s, %" PRIu64 " times, %" PRIu64 " in flight, %" PRIu64
                 " segment(s), progress by %s\n",
                 options->is_write ? "write" : "read", size, options->count, options->depth,
                 options->segments, options->application ? "the application" : "a thread");
    print_way(options, transfers);
    (void)printf("  latency    p50 %.1f us, p99 %.1f us, best %.1f us\n", transfers->latency_us.p50,
                 transfers->latency_us.p99, transfers->latency_us.best);
    (void)printf("  rate       %.3f GB/s\n", moved / transfers->elapsed_s);
    (void)printf("  CPU        %.3f s/GB (active side %.3f, passive side %.3f)\n",
                 (transfers->active_cpu_s + transfers->passive_cpu_s) / moved,
                 transfers->active_cpu_s / moved, transfers->passive_cpu_s / moved);
    (void)printf("  data       of the first and the last transfer is right\n");
}
