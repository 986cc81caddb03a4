/* What is measured: units, latencies, the clocks and the memory of the server; and the report. */
#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t units, sent, pings, units_before, units_after, opened_in;
double server_seconds, system_seconds, generator_seconds, measured_seconds;
long rss_before, rss_after, rss_end;
char failure[256];

/* Latencies in tenths of a microsecond, exact to a thousandth: 1,024 buckets a power of two. */
static uint32_t histogram[32 * 1024];
static uint64_t latencies;

void record(uint64_t since) {
    if (phase != MEASURING) return;
    uint64_t value = (now - since) / 100;
    unsigned shift = 0;
    while (value >> shift >= 2048) shift++;
    if (shift > 30) return;
    histogram[shift * 1024 + (value >> shift)]++;
    latencies++;
}

static double percentile(double fraction) {
    uint64_t rank = (uint64_t)(fraction * (double)latencies), seen = 0;
    for (size_t index = 0; index < sizeof histogram / sizeof *histogram; index++) {
        seen += histogram[index];
        if (seen <= rank) continue;
        unsigned shift = index < 2048 ? 0 : (unsigned)(index / 1024 - 1);
        uint64_t value = (uint64_t)(index - shift * 1024) << shift;
        return (double)value / 10;
    }
    return 0;
}

uint64_t clock_of(clockid_t id) {
    struct timespec time;
    if (clock_gettime(id, &time) != 0) return 0;
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* User and system time of all threads of all the server's processes. */
double server_time(void) {
    uint64_t total = 0;
    for (int index = 0; index < server_processes; index++) {
        clockid_t id;
        if (clock_getcpuclockid(server_pids[index], &id) == 0) total += clock_of(id);
    }
    return (double)total / SECOND;
}

/* How much of that the kernel has used, as far as /proc tells: to a hundredth of a second. */
double server_system_time(void) {
    unsigned long total = 0;
    for (int index = 0; index < server_processes; index++) {
        char path[64], line[1024];
        unsigned long ticks;
        snprintf(path, sizeof path, "/proc/%d/stat", (int)server_pids[index]);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        char *name_ends = fgets(line, sizeof line, file) == NULL ? NULL : strrchr(line, ')');
        if (name_ends != NULL &&
            sscanf(name_ends + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %lu", &ticks) == 1)
            total += ticks;
        fclose(file);
    }
    return (double)total / (double)sysconf(_SC_CLK_TCK);
}

long server_rss(void) {
    long total = 0;
    for (int index = 0; index < server_processes; index++) {
        char path[64];
        long size, resident;
        snprintf(path, sizeof path, "/proc/%d/statm", (int)server_pids[index]);
        FILE *file = fopen(path, "r");
        if (file == NULL) continue;
        if (fscanf(file, "%ld %ld", &size, &resident) == 2) total += resident * getpagesize();
        fclose(file);
    }
    return total;
}

/* The first error ends the run: there is nothing to measure on a server that gets it wrong. */
void fail(const char *format, ...) {
    va_list arguments;
    if (*failure != 0) return;
    phase = DONE;
    va_start(arguments, format);
    vsnprintf(failure, sizeof failure, format, arguments);
    va_end(arguments);
    for (char *c = failure; *c != 0; c++) {
        if (*c < ' ' || *c == '"' || *c == '\\' || *c > '~') *c = '.';
    }
}

void report(void) {
    printf("{\"load\":\"%s\",\"clients\":%u,\"units\":%llu,\"seconds\":%.6f,"
           "\"total_units\":%llu,\"sent\":%llu,\"error\":\"%s\","
           "\"latency_p50_us\":%.1f,\"latency_p99_us\":%.1f,"
           "\"server_seconds\":%.6f,\"generator_seconds\":%.6f,"
           "\"opened\":%u,\"opening_seconds\":%.3f,\"pings\":%llu,"
           "\"server_rss_before\":%ld,\"server_rss_after\":%ld,\"server_rss_end\":%ld,"
           "\"server_system_seconds\":%.2f}\n",
           load_name, clients, (unsigned long long)(units_after - units_before), measured_seconds,
           (unsigned long long)units, (unsigned long long)sent, failure, percentile(0.50),
           percentile(0.99), server_seconds, generator_seconds, ready, (double)opened_in / SECOND, (unsigned long long)pings, rss_before, rss_after,
           rss_end, system_seconds);
    fflush(stdout);
}
